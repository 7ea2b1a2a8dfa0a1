import type { Pace } from '../compare.ts';
import type { Cell, Generator } from '../measure.ts';
import type { Section } from '../report.ts';

/** What every scenario works with. */
export interface Bench {
  /** Where the compiled service, the other servers and the load generator lie. */
  readonly home: string;
  readonly generator: Generator;
  readonly pace: Pace;
  /** Loads to measure, where a scenario does not have its own. */
  readonly cells: readonly Cell[];
  /** Servers to measure, where a scenario has several. */
  readonly names: readonly string[];
  readonly say: (line: string) => void;
}

/** One question, and the figures that answer it. */
export type Scenario = (bench: Bench) => Promise<Section>;

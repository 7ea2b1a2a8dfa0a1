import type { Pace } from '../compare.ts';
import type { Cell, Generator } from '../measure.ts';
import type { Section } from '../report.ts';

/** The input of every scenario. */
export interface Bench {
  /** The folder of the compiled service, the other servers and the load generator. */
  readonly home: string;
  readonly generator: Generator;
  readonly pace: Pace;
  /** Loads to measure, unless a scenario has its own. */
  readonly cells: readonly Cell[];
  /** Servers to measure, if a scenario has several. */
  readonly names: readonly string[];
  readonly say: (line: string) => void;
}

/** A question, and the figures that answer it. */
export type Scenario = (bench: Bench) => Promise<Section>;

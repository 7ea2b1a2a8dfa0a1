import type { Commands } from '../commands/command.ts';
import type { VariableGroup } from '../config/variable.ts';
import type { Migrations } from '../persistence/migrations.ts';
import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import type { Endpoint } from './endpoint.ts';
import type { HealthCheck } from './health/health-checks.ts';
import type { ErrorShape } from './response/error-shape.ts';
import type { Lifecycle } from './server/lifecycle.ts';

/**
 * A feature as its folder declares it: everything that the service knows of it. A line in `mlapi/features.ts` adds it; without that
 * line and the folder nothing of it is there. The declaration is read by every process, also by those that never open the feature: what
 * is large is behind an `import()`.
 * @example
 * export const greetings = {
 *   variables: greetingVariables,
 *   open: async () => (await import('./open-greetings.ts')).openGreetings,
 * } satisfies Feature;
 */
export interface Feature {
  readonly variables?: VariableGroup;
  /** Permissions that its endpoints require, in addition to those of the core. */
  readonly scopes?: readonly string[];
  /** Error format of its paths; default: RFC 9457. */
  readonly errorShape?: ErrorShape;
  /** Descriptions of the tags under which the documents list its endpoints. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Public endpoints that are served while the rest is still being opened. */
  readonly startingEndpoints?: (lifecycle: Lifecycle) => readonly Endpoint[];
  /** Its tables. Migration names of all features sort into one order, such as `006-greetings`. */
  readonly migrations?: () => Promise<Migrations>;
  /** Operators' commands. They open the database with the function that they get. */
  readonly commands?: () => Promise<(operate: never) => Commands>;
  /** Loads the function that runs the service, for example in several processes; without it, one process serves. One feature at most has it. */
  readonly run?: () => Promise<(program: never) => Promise<void>>;
  /** Loads the function that opens the feature. It gets the core and the features opened before. */
  readonly open?: () => Promise<Open>;
}

type Open = (base: never) => OpenFeature;

/**
 * The parts that an open feature adds to the running service.
 * @example
 * export function openGreetings({ config }: { config: GreetingConfig }): OpenFeature {
 *   return { publicEndpoints: greetingEndpoints(config) };
 * }
 */
export interface OpenFeature {
  /** Served without a token. */
  readonly publicEndpoints?: readonly Endpoint[];
  /** Served behind the guard; each names the scope it needs. */
  readonly endpoints?: readonly Endpoint[];
  /** Checks that must pass for the service to be ready. */
  readonly healthChecks?: readonly HealthCheck[];
  /** Metrics of this feature, read on every scrape. */
  readonly metrics?: () => readonly MetricSnapshot[];
  /** Starts background jobs once the service is built. */
  readonly startMaintenance?: () => void;
  /** Ends them and writes what is left to write; the database is still open. Features close in reverse order. */
  readonly close?: () => Promise<void>;
}

type Features = Readonly<Record<string, Feature>>;
type OpenOf<Declared> = Declared extends { readonly open: () => Promise<infer Loaded extends Open> } ? Loaded : never;
type Opened<All extends Features> = {
  readonly [Name in keyof All as OpenOf<All[Name]> extends never ? never : Name]: ReturnType<OpenOf<All[Name]>>;
};
/** The type that satisfies the parameters of all opening functions. */
type BaseOf<All extends Features> = (
  All[keyof All] extends infer Declared
    ? OpenOf<Declared> extends (base: infer Base) => OpenFeature
      ? (base: Base) => void
      : never
    : never
) extends (base: infer Base) => void
  ? Base
  : unknown;

/**
 * Opens features in the listed order. Each opener gets `base` and the features opened before it, by name.
 * @example
 * const { greetings } = await openFeatures({ greetings }, { config });
 */
export async function openFeatures<All extends Features>(features: All, base: BaseOf<All>): Promise<Opened<All>> {
  const opened: Record<string, OpenFeature> = {};
  for (const [name, { open: load }] of Object.entries<Feature>(features)) {
    const open = await load?.();
    // `BaseOf` guarantees that each opener gets what it needs.
    if (open !== undefined) opened[name] = open({ ...(base as object), ...opened } as never);
  }
  return opened as Opened<All>;
}

/** Merges what the open features add, in the order in which they were opened. */
export function contributionsOf(features: readonly OpenFeature[]) {
  return {
    publicEndpoints: features.flatMap(({ publicEndpoints = [] }) => publicEndpoints),
    endpoints: features.flatMap(({ endpoints = [] }) => endpoints),
    healthChecks: features.flatMap(({ healthChecks = [] }) => healthChecks),
    metrics: () => features.flatMap((feature) => feature.metrics?.() ?? []),
    startMaintenance: () => {
      for (const feature of features) feature.startMaintenance?.();
    },
    close: async () => {
      for (const feature of [...features].reverse()) await feature.close?.();
    },
  };
}

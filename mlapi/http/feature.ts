import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import type { Endpoint } from './endpoint.ts';
import type { HealthCheck } from './health/health-checks.ts';

/**
 * The parts that a feature adds to the service. A feature is a folder of its own, opened by its line in `application.ts`: without
 * both, nothing of it is there.
 * @example
 * export function openGreetings({ config }: { config: Config }): Feature {
 *   return { publicEndpoints: greetingEndpoints(config) };
 * }
 */
export interface Feature {
  /** Answered to everybody, without a token. */
  readonly publicEndpoints?: readonly Endpoint[];
  /** Behind the guard: each names the scope that it needs. */
  readonly endpoints?: readonly Endpoint[];
  /** Checks that must pass for the service to be ready. */
  readonly healthChecks?: readonly HealthCheck[];
  /** Metrics that it counts itself, read whenever they are asked for. */
  readonly metrics?: () => readonly MetricSnapshot[];
  /** Starts its background jobs, once the service is built. */
  readonly startMaintenance?: () => void;
}

/** Functions that open features, by the features' names. */
type Openers = Readonly<Record<string, (base: never) => Feature>>;
type Opened<All extends Openers> = { readonly [Name in keyof All]: ReturnType<All[Name]> };
/** The type that satisfies the parameters of all openers. */
type BaseOf<All extends Openers> = (
  All[keyof All] extends infer Open
    ? Open extends (base: infer Base) => Feature
      ? (base: Base) => void
      : never
    : never
) extends (base: infer Base) => void
  ? Base
  : unknown;

/** Opens features in the order in which they are listed. Each gets `base`, and the features that were opened before it, by their names. */
export function openFeatures<All extends Openers>(openers: All, base: BaseOf<All>): Opened<All> {
  const opened: Record<string, Feature> = {};
  // The type of `base` says that each finds what it needs.
  for (const [name, open] of Object.entries<Openers[string]>(openers))
    opened[name] = open({ ...(base as object), ...opened } as never);
  return opened as Opened<All>;
}

/** Everything that features add, in the order in which they were opened. */
export function contributionsOf(features: readonly Feature[]) {
  return {
    publicEndpoints: features.flatMap(({ publicEndpoints = [] }) => publicEndpoints),
    endpoints: features.flatMap(({ endpoints = [] }) => endpoints),
    healthChecks: features.flatMap(({ healthChecks = [] }) => healthChecks),
    metrics: () => features.flatMap((feature) => feature.metrics?.() ?? []),
    startMaintenance: () => {
      for (const feature of features) feature.startMaintenance?.();
    },
  };
}

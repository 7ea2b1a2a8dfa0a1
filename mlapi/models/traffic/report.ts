import type { Contract } from '../../inference/types.ts';
import { addCounts, latencyQuantile, newCounts, type Counts, type Role } from './counts.ts';
import { driftOf, type FeatureDrift } from './drift.ts';
import { addInputs, type InputCounts } from './input-bins.ts';
import type { TrafficRecord } from './traffic-store.ts';

/** What a version answered, in one role. */
interface VersionTraffic {
  readonly version: string;
  readonly role: Role;
  readonly requests: Counts['requests'];
  readonly rows: number;
  /** Each of the last three is the bound below which so many of the answers came; null without answers, or above the last bound. */
  readonly seconds: {
    readonly mean: number | null;
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /** Of a shadow. */
  readonly comparison?: { readonly rows: number; readonly disagreements: number; readonly share: number | null };
}

/** What inputs a version had, compared with the reference of its contract. */
interface VersionInputs {
  readonly version: string;
  /** Those that were looked at. */
  readonly rows: number;
  /** The most changed first; null while too few rows were seen. */
  readonly drift: readonly FeatureDrift[] | null;
}

/** Adds up what the processes wrote. */
export function reportTraffic(records: readonly TrafficRecord[]): VersionTraffic[] {
  const byRole = new Map<string, { version: string; role: Role; counts: Counts }>();
  for (const record of records) {
    if (record.kind === 'inputs') continue;
    const key = `${record.version}/${record.kind}`;
    const sum = byRole.get(key) ?? { version: record.version, role: record.kind, counts: newCounts() };
    addCounts(sum.counts, record.counts);
    byRole.set(key, sum);
  }
  return [...byRole.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => describe(sum));
}

/** @param contracts of the versions whose inputs are watched, by version */
export function reportInputs(
  records: readonly TrafficRecord[],
  contracts: ReadonlyMap<string, Contract>,
): VersionInputs[] {
  return [...contracts].map(([version, contract]) => {
    const counts = records
      .filter((record) => record.kind === 'inputs' && record.version === version)
      .map((record) => record.counts as InputCounts);
    const seen = addInputs(counts);
    return { version, rows: seen.rows, drift: driftOf(contract, seen) ?? null };
  });
}

function describe({ version, role, counts }: { version: string; role: Role; counts: Counts }): VersionTraffic {
  const { requests, rows, seconds, compared, disagreements } = counts;
  const quantile = (share: number) => latencyQuantile(counts, share) ?? null;
  return {
    version,
    role,
    requests,
    rows,
    seconds: {
      mean: requests.ok === 0 ? null : seconds / requests.ok,
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
    },
    ...(role === 'shadow' && {
      comparison: { rows: compared, disagreements, share: compared === 0 ? null : disagreements / compared },
    }),
  };
}

const count = { type: 'integer' };
const seconds = { type: ['number', 'null'] };

export const trafficSchema = {
  type: 'object',
  required: ['name', 'minutes', 'versions', 'inputs'],
  properties: {
    name: { type: 'string' },
    minutes: count,
    versions: {
      type: 'array',
      items: {
        type: 'object',
        required: ['version', 'role', 'requests', 'rows', 'seconds'],
        properties: {
          version: { type: 'string' },
          role: { enum: ['primary', 'canary', 'shadow'] },
          requests: { type: 'object', properties: { ok: count, refused: count, failed: count, skipped: count } },
          rows: count,
          seconds: { type: 'object', properties: { mean: seconds, p50: seconds, p95: seconds, p99: seconds } },
          comparison: {
            type: 'object',
            properties: { rows: count, disagreements: count, share: { type: ['number', 'null'] } },
          },
        },
      },
    },
    inputs: {
      type: 'array',
      items: {
        type: 'object',
        required: ['version', 'rows', 'drift'],
        properties: {
          version: { type: 'string' },
          rows: count,
          drift: {
            type: ['array', 'null'],
            items: { type: 'object', properties: { name: { type: 'string' }, psi: { type: 'number' } } },
          },
        },
      },
    },
  },
};

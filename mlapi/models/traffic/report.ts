import type { Contract } from '../../inference/contract/types.ts';
import { addCounts, latencyQuantile, newCounts, type Counts, type Role } from './counts.ts';
import { driftOf, type FeatureDrift } from './drift.ts';
import { addInputs, edgesDigest, type InputCounts } from './input-bins.ts';
import type { TrafficRecord } from './traffic-store.ts';

/** Traffic of a version in one role. */
interface VersionTraffic {
  readonly version: string;
  readonly role: Role;
  readonly requests: Counts['requests'];
  readonly rows: number;
  /** Mean and quantiles. Quantiles are upper bounds of latency bins; null without requests or above the last bound. */
  readonly seconds: {
    readonly mean: number | null;
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /** Comparison with the primary version, for a shadow. */
  readonly comparison?: { readonly rows: number; readonly disagreements: number; readonly share: number | null };
}

/** Inputs of a version, compared with the reference of its contract. */
interface VersionInputs {
  readonly version: string;
  /** Number of sampled rows. */
  readonly rows: number;
  /** Largest drift first; null while there are too few rows. */
  readonly drift: readonly FeatureDrift[] | null;
}

/** Sums up what the processes recorded for a model. */
export class TrafficSum {
  readonly #counts = new Map<string, { version: string; role: Role; counts: Counts }>();
  /** Inputs per version and digest of bin edges: a replaced contract may have other edges. */
  readonly #inputs = new Map<string, Map<string, InputCounts>>();

  add(record: TrafficRecord): void {
    const { version, kind } = record;
    if (kind === 'inputs') {
      const byEdges = this.#inputs.get(version) ?? new Map<string, InputCounts>();
      const known = byEdges.get(record.counts.edges);
      byEdges.set(record.counts.edges, known === undefined ? record.counts : addInputs([known, record.counts]));
      this.#inputs.set(version, byEdges);
      return;
    }
    const key = `${version}/${kind}`;
    const sum = this.#counts.get(key) ?? { version, role: kind, counts: newCounts() };
    addCounts(sum.counts, record.counts);
    this.#counts.set(key, sum);
  }

  versions(): VersionTraffic[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => describe(sum));
  }

  /** @param contractOf returns the contract of a version, if it has one */
  async inputs(contractOf: (version: string) => Promise<Contract | undefined>): Promise<VersionInputs[]> {
    const inputs: VersionInputs[] = [];
    for (const [version, byEdges] of [...this.#inputs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const contract = await contractOf(version);
      if (contract === undefined) continue;
      const seen = byEdges.get(edgesDigest(contract));
      if (seen !== undefined) inputs.push({ version, rows: seen.rows, drift: driftOf(contract, seen) ?? null });
    }
    return inputs;
  }
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

const text = { type: 'string' };
const count = { type: 'integer', format: 'int64' };
const number = { type: 'number', format: 'double' };
const orNull = { ...number, type: ['number', 'null'] };

function object(title: string, properties: Record<string, object>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { title, type: 'object', required, properties };
}

const versionSchema = object(
  'VersionTraffic',
  {
    version: text,
    role: { ...text, enum: ['primary', 'canary', 'shadow'] },
    requests: object('TrafficRequests', { ok: count, refused: count, failed: count, skipped: count }),
    rows: count,
    seconds: object('TrafficSeconds', { mean: orNull, p50: orNull, p95: orNull, p99: orNull }),
    comparison: object('TrafficComparison', { rows: count, disagreements: count, share: orNull }),
  },
  ['comparison'],
);
const inputsSchema = object('VersionInputs', {
  version: text,
  rows: count,
  drift: { type: ['array', 'null'], items: object('FeatureDrift', { name: text, psi: number }) },
});

export const trafficSchema = object('Traffic', {
  name: text,
  minutes: count,
  versions: { type: 'array', items: versionSchema },
  inputs: { type: 'array', items: inputsSchema },
});

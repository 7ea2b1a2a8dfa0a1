import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Contract } from '../../inference/contract/types.ts';
import type { Database } from '../../persistence/database.ts';
import type { MetricSnapshot } from '../../telemetry/metrics/metrics.ts';
import { Counter } from './counter.ts';
import { newCounts, type Role } from './counts.ts';
import { InputBins } from './input-bins.ts';
import { PerPeriod } from './per-period.ts';
import { TrafficSum } from './report.ts';
import { Semaphore } from './shadow-traffic.ts';
import { trafficMetrics } from './traffic-metrics.ts';
import { deleteTraffic, readTraffic, writeTraffic, type TrafficRecord } from './traffic-store.ts';

interface TrafficOptions {
  readonly database: Database;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** Counts of one version in one role. */
export interface Tally {
  readonly counter: Counter;
  readonly inputs: InputBins;
}

/** The inputs of one version. */
interface Inputs {
  readonly model: string;
  readonly version: string;
  readonly contract: Contract;
  readonly bins: InputBins;
  writtenRows: number;
}

const minuteMs = 60_000;
/** Bins for contracts without a reference; counts nothing. */
const nothingWatched = new InputBins({ features: [] });
const periodMs = 10 * minuteMs;
const keptMs = 24 * 60 * minuteMs;
/** Concurrent shadow requests of this process. */
const maxShadowed = 8;
/** Above this number, versions without requests in a period are dropped. */
const maxRemembered = 1_000;
/** Rows per statement. */
const maxWritten = 100;

/** Counts predictions, latencies and inputs per version, and stores the counts for all processes to read. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #writer = randomUUID();
  readonly #counters = new Map<string, Counter>();
  readonly #inputs = new Map<string, Inputs>();
  /** Wrappers of primary versions without a shadow. */
  readonly shadowSlots = new Semaphore(maxShadowed);
  /** Counted but not stored yet. */
  readonly #unwritten = new Map<string, TrafficRecord>();
  #at: number;
  #periods = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#at = periodOf(options.clock());
  }

  /** Counts of a model in a role. */
  tally({ contract }: { readonly contract: Contract }, role: Role): PerPeriod<Tally> {
    return new PerPeriod(this, () => ({ counter: this.#counter(contract, role), inputs: this.#binsOf(contract) }));
  }

  /** Counts of a version in a role, where it need not be loaded. */
  counter(version: Pick<Contract, 'name' | 'version'>, role: Role): PerPeriod<Counter> {
    return new PerPeriod(this, () => this.#counter(version, role));
  }

  /** Sums up what all processes have stored for a model in the last minutes, after storing this process's own counts. */
  async read(model: string, minutes: number): Promise<TrafficSum> {
    await this.write();
    const { database, clock } = this.#options;
    const sum = new TrafficSum();
    const now = clock();
    for (let at = periodOf(now - minutes * minuteMs); at <= now; at += periodMs) {
      for (const record of await readTraffic(database, model, at)) sum.add(record);
      // Yield to other requests: a day of many versions is a lot to read.
      await setImmediate();
    }
    return sum;
  }

  /** Stores new counts. */
  write(): Promise<void> {
    const written = this.#writing.catch(() => undefined).then(() => this.#write());
    this.#writing = written;
    return written;
  }

  /** How many periods have begun in this process. */
  get periods(): number {
    return this.#periods;
  }

  metrics(): MetricSnapshot[] {
    return trafficMetrics([...this.#counters.values()], [...this.#inputs.values()]);
  }

  #counter({ name: model, version }: Pick<Contract, 'name' | 'version'>, role: Role): Counter {
    const key = `${model}/${version}/${role}`;
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    const counter = new Counter({ model, version, role });
    this.#counters.set(key, counter);
    return counter;
  }

  #binsOf(contract: Contract): InputBins {
    const { name: model, version } = contract;
    const key = `${model}/${version}`;
    const known = this.#inputs.get(key);
    if (known !== undefined) return known.bins;
    if (contract.reference === undefined) return nothingWatched;
    const bins = new InputBins(contract);
    this.#inputs.set(key, { model, version, contract, bins, writtenRows: 0 });
    return bins;
  }

  async #write(): Promise<void> {
    const { database, clock } = this.#options;
    const at = periodOf(clock());
    this.#collect();
    const isNewPeriod = at !== this.#at;
    if (isNewPeriod) this.#begin(at);
    const records = [...this.#unwritten];
    for (let from = 0; from < records.length; from += maxWritten) {
      const some = records.slice(from, from + maxWritten);
      await writeTraffic(
        database,
        this.#writer,
        some.map(([, record]) => record),
      );
      // Keep a record that has grown meanwhile.
      for (const [key, record] of some) if (this.#unwritten.get(key) === record) this.#unwritten.delete(key);
    }
    if (isNewPeriod) await deleteTraffic(database, at - keptMs);
  }

  /** Queues the new counts of this period. */
  #collect(): void {
    const at = this.#at;
    const note = (record: TrafficRecord) =>
      this.#unwritten.set(`${record.model}/${record.version}/${record.kind}/${at}`, record);
    for (const counter of this.#counters.values()) {
      if (!counter.isChanged) continue;
      counter.isChanged = false;
      const { model, version, role: kind, period } = counter;
      note({ model, version, at, kind, counts: structuredClone(period) });
    }
    for (const inputs of this.#inputs.values()) {
      const { model, version, bins, writtenRows } = inputs;
      if (bins.rows === writtenRows) continue;
      inputs.writtenRows = bins.rows;
      note({ model, version, at, kind: 'inputs', counts: structuredClone(bins.read()) });
    }
  }

  #begin(at: number): void {
    this.#at = at;
    // The wrappers refer to counters that may be dropped.
    this.#periods += 1;
    const isCrowded = this.#counters.size > maxRemembered;
    for (const [key, counter] of this.#counters) {
      const isIdle = Object.values(counter.period.requests).every((count) => count === 0);
      if (isCrowded && isIdle) this.#counters.delete(key);
      counter.period = newCounts();
    }
    for (const [key, inputs] of this.#inputs) {
      if (isCrowded && inputs.bins.rows === 0) this.#inputs.delete(key);
      inputs.bins.begin();
      inputs.writtenRows = 0;
    }
  }
}

function periodOf(at: number): number {
  return Math.floor(at / periodMs) * periodMs;
}

import { countResponse, latencyBin, newCounts, type Counts, type Outcome, type Role } from './counts.ts';

/** Counts of one version in one role: since the process started, and in the current period. */
export class Counter {
  readonly model: string;
  readonly version: string;
  readonly role: Role;
  readonly total = newCounts();
  period: Counts = newCounts();
  /** Whether the period has counts that are not stored yet. */
  isChanged = false;

  constructor({ model, version, role }: Pick<Counter, 'model' | 'version' | 'role'>) {
    this.model = model;
    this.version = version;
    this.role = role;
  }

  answered(rows: number, seconds: number): void {
    this.isChanged = true;
    const bin = latencyBin(seconds);
    countResponse(this.total, rows, seconds, bin);
    countResponse(this.period, rows, seconds, bin);
  }

  refused(outcome: Exclude<Outcome, 'ok'>): void {
    this.isChanged = true;
    this.total.requests[outcome] += 1;
    this.period.requests[outcome] += 1;
  }

  compared(rows: number, disagreements: number): void {
    this.isChanged = true;
    for (const counts of [this.total, this.period]) {
      counts.compared += rows;
      counts.disagreements += disagreements;
    }
  }
}

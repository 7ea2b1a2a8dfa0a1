import { createHash } from 'node:crypto';
import { modelNotFound } from '../../inference/named-model.ts';
import type { Queries } from '../../persistence/database.ts';
import { assertServing, type Share, type VersionRecord } from '../types.ts';
import { findAlias } from './alias-store.ts';
import { findNewest, findRecord } from './version-store.ts';

/** The version that a name denotes; with an alias, also its canary and shadow. */
export interface Target extends VersionRecord {
  /** Empty unless an alias was named, or `default` was used. */
  readonly alias: string;
  readonly canary: SharedVersion | undefined;
  readonly shadow: SharedVersion | undefined;
}

export interface SharedVersion extends Share {
  readonly id: string;
}

interface Known {
  readonly target: Target;
  /** By `performance.now()`. */
  readonly untilMs: number;
}

/** Cache time. Every process sees the changes of others within a second. */
const knownForMs = 500;
const maxKnown = 10_000;

/** Resolves names to versions. Results are cached for half a second, so each name is looked up at most twice a second. */
export class VersionResolver {
  readonly #queries: Queries;
  readonly #known = new Map<string, Known>();
  /** Lookups in progress; concurrent requests for a name share one. */
  readonly #finding = new Map<string, Promise<Target>>();
  /** Change counter: a result read before a change is not cached after it. */
  #changes = 0;

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  /** Returns a cached result. */
  known(model: string, version: string | undefined): Target | undefined {
    const known = this.#known.get(keyOf(model, version));
    return known !== undefined && known.untilMs > performance.now() ? known.target : undefined;
  }

  /** Returns the current result. @throws {Problem} 404 */
  find(model: string, version: string | undefined): Promise<Target> {
    const key = keyOf(model, version);
    const running = this.#finding.get(key);
    if (running !== undefined) return running;
    const finding = this.#find(model, version).finally(() => {
      if (this.#finding.get(key) === finding) this.#finding.delete(key);
    });
    this.#finding.set(key, finding);
    return finding;
  }

  async #find(model: string, version: string | undefined): Promise<Target> {
    const changes = this.#changes;
    const target = await this.#read(model, version);
    if (changes !== this.#changes) return target;
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.set(keyOf(model, version), { target, untilMs: performance.now() + knownForMs });
    return target;
  }

  /** Drops cached results of a model that has changed here. In other processes they expire by themselves. */
  forget(model: string): void {
    this.#changes += 1;
    this.#finding.clear();
    for (const key of this.#known.keys()) if (key.startsWith(keyOf(model))) this.#known.delete(key);
  }

  /** Resolves a version or alias; without either, the alias `default`, otherwise the newest version. */
  async #read(model: string, version: string | undefined): Promise<Target> {
    const name = version === undefined ? 'default' : version.startsWith('@') ? version.slice(1) : undefined;
    const alias = name === undefined ? undefined : await findAlias(this.#queries, { model, alias: name });
    if (alias === undefined) {
      if (name !== undefined && version !== undefined) throw modelNotFound();
      const record = version === undefined ? findNewest(this.#queries, model) : this.#record(model, version);
      return { ...assertServing(await record), alias: '', canary: undefined, shadow: undefined };
    }
    const [record, canary, shadow] = await Promise.all([
      this.#record(model, alias.version),
      this.#share(model, alias.canary),
      this.#share(model, alias.shadow),
    ]);
    return { ...assertServing(record), alias: alias.alias, canary, shadow };
  }

  #record(model: string, version: string): Promise<VersionRecord | undefined> {
    return findRecord(this.#queries, { model, version });
  }

  async #share(model: string, share: Share | null): Promise<SharedVersion | undefined> {
    if (share === null) return undefined;
    return { ...share, id: assertServing(await this.#record(model, share.version)).id };
  }
}

/**
 * Whether an alias sends a client to its canary. Deterministic: the same clients as long as the share stays the same, and these plus more
 * as it grows. Different aliases choose different clients.
 */
export function isCanaryClient({ model, alias, canary }: Target, client: string): boolean {
  if (canary === undefined) return false;
  const digest = createHash('sha256').update(`${model}/${alias}/${client}`).digest();
  return digest.readUIntBE(0, 6) < canary.share * 2 ** 48;
}

/** Names contain no slash. */
function keyOf(model: string, version = ''): string {
  return `${model}/${version}`;
}

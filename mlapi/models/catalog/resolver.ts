import { createHash } from 'node:crypto';
import { modelNotFound } from '../../inference/named-model.ts';
import type { Queries } from '../../persistence/database.ts';
import { assertServing, type Share, type VersionRecord } from '../types.ts';
import { findAlias } from './alias-store.ts';
import { findNewest, findRecord } from './version-store.ts';

/** The version that a name stands for, and the canary and shadow beside it if it is an alias that has them. */
export interface Target extends VersionRecord {
  /** Empty where the version itself is named, or is the newest. */
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

/** Every process knows within a second what another one has changed. */
const knownForMs = 500;
const maxKnown = 10_000;

/** Finds what names stand for, and knows it for a moment: each is looked up twice a second at most. */
export class VersionResolver {
  readonly #queries: Queries;
  readonly #known = new Map<string, Known>();
  /** Lookups under way: requests for the same name share one. */
  readonly #finding = new Map<string, Promise<Target>>();
  /** Counts what has changed here: what was read before is not known after it. */
  #changes = 0;

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  /** As it was found just now. */
  known(model: string, version: string | undefined): Target | undefined {
    const known = this.#known.get(keyOf(model, version));
    return known !== undefined && known.untilMs > performance.now() ? known.target : undefined;
  }

  /** As the database has it. @throws {Problem} 404 */
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

  /** Something of this model has changed here: whoever asks next gets to know it. Other processes follow by themselves. */
  forget(model: string): void {
    this.#changes += 1;
    this.#finding.clear();
    for (const key of this.#known.keys()) if (key.startsWith(keyOf(model))) this.#known.delete(key);
  }

  /** The one that is named, or an alias points to; without either, the alias `default`, or the newest. */
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
 * Whether a client is among those whom an alias sends to its canary: always the same ones, and as the share grows, these and more.
 * Each alias draws others.
 */
export function isCanaryClient({ model, alias, canary }: Target, client: string): boolean {
  if (canary === undefined) return false;
  const digest = createHash('sha256').update(`${model}/${alias}/${client}`).digest();
  return digest.readUIntBE(0, 6) < canary.share * 2 ** 48;
}

/** No name has a slash in it. */
function keyOf(model: string, version = ''): string {
  return `${model}/${version}`;
}

import { hasText, type Api } from './api.ts';
import type { CallOptions } from './attempts.ts';
import { apiPath } from './paths.ts';
import { jsonPayload } from './payload.ts';

/** A version and its share of the traffic, from 0 to 1. */
export interface Share {
  readonly version: string;
  readonly share: number;
}

/** The versions that an alias points to. */
export interface AliasTarget {
  readonly version: string;
  /** Serves this share of the clients instead of `version`. */
  readonly canary?: Share | null;
  /** Receives a copy of this share of the requests; its responses are discarded. */
  readonly shadow?: Share | null;
  readonly [other: string]: unknown;
}

export interface NamedAlias extends AliasTarget {
  readonly alias: string;
}

/** Movable names for versions: `@champion` is accepted wherever a version is. */
export class Aliases {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Lists aliases by name. */
  async list(name: string, options: CallOptions = {}): Promise<readonly NamedAlias[]> {
    const expects = ({ aliases }: Readonly<Record<string, unknown>>) => Array.isArray(aliases);
    const path = apiPath`models/${name}/aliases`;
    return (await this.#api.json<{ aliases: readonly NamedAlias[] }>('GET', path, { expects, options })).aliases;
  }

  get(name: string, alias: string, options: CallOptions = {}): Promise<AliasTarget> {
    return this.#api.json('GET', aliasPath(name, alias), { expects: hasText('version'), options });
  }

  /** Creates or moves an alias, effective at once for all clients. */
  set(
    name: string,
    alias: string,
    target: string | Pick<AliasTarget, 'version' | 'canary' | 'shadow'>,
    options: CallOptions = {},
  ): Promise<void> {
    const payload = jsonPayload(typeof target === 'string' ? { version: target } : target);
    return this.#api.empty('PUT', aliasPath(name, alias), { payload, options });
  }

  /** Not retried if the response is lost, because a second attempt would get 404. */
  delete(name: string, alias: string, options: CallOptions = {}): Promise<void> {
    return this.#api.empty('DELETE', aliasPath(name, alias), { isRepeatable: false, options });
  }
}

function aliasPath(name: string, alias: string): string {
  return apiPath`models/${name}/aliases/${alias}`;
}

import type { Call } from '../../http/endpoint.ts';
import { Problem } from '../../http/problem.ts';
import { holdsFor } from '../../http/scopes.ts';
import type { ModelService } from '../catalog/model-service.ts';
import type { ModelStore } from './model-store.ts';
import { actorOf } from '../types.ts';

const permission = 'models:write';

/** Loads and unloads models for protocols that have operations for it. The rules are those of the store. */
export class StoreCommands {
  readonly #store: Pick<ModelStore, 'checkModel' | 'load' | 'unload'>;
  readonly #service: Pick<ModelService, 'checkOwner'>;

  constructor(store: Pick<ModelStore, 'checkModel' | 'load' | 'unload'>, service: Pick<ModelService, 'checkOwner'>) {
    this.#store = store;
    this.#service = service;
  }

  /** @throws {Problem} 403, 404, 503 */
  async load(name: string, call: Call): Promise<void> {
    await this.#check(name, call);
    await this.#store.load(name, undefined);
  }

  /** @throws {Problem} 403, 404 */
  async unload(name: string, call: Call): Promise<void> {
    await this.#check(name, call);
    await this.#store.unload(name, undefined);
  }

  /** The caller may read the model, so 403 reveals nothing. */
  async #check(name: string, call: Call): Promise<void> {
    await this.#store.checkModel(name);
    if (!holdsFor(call.session?.scopes ?? [], permission, name))
      throw new Problem(403, 'insufficient_scope', `The access token lacks the scope ${permission}.`);
    await this.#service.checkOwner(name, actorOf(call));
  }
}

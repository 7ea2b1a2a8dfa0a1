import type { Access, Session } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import type { Serving } from '../inference/model-source.ts';
import type { Predictor } from '../inference/predictor.ts';

/** Where models come from, for the extension `model_repository`. */
export interface ModelRepository {
  /** What a token must hold in order to load and unload. */
  readonly access: Access;
  /** @throws {Problem} 404, or why it cannot be loaded */
  load(name: string, session: Session | undefined): void | Promise<void>;
  /** @throws {Problem} 404, or why it cannot be unloaded */
  unload(name: string, session: Session | undefined): void | Promise<void>;
}

/** Finds a model that the caller may know of. @throws {Problem} 404 */
export type FindModel = (
  name: string,
  version: string | undefined,
  session: Session | undefined,
) => Predictor | Promise<Predictor>;

/** The same for inference: a name may stand for several versions. @throws {Problem} 404 */
export type ServeModel = (
  name: string,
  version: string | undefined,
  session: Session | undefined,
) => Serving | Promise<Serving>;

/** Models that are loaded when the service starts, and stay: to load one changes nothing. */
export function fixedRepository(find: FindModel): ModelRepository {
  return {
    access: 'models:read',
    load: async (name, session) => {
      await find(name, undefined, session);
    },
    unload: async (name, session) => {
      await find(name, undefined, session);
      throw new Problem(409, 'model_stays', 'This model came with the service, and stays loaded.');
    },
  };
}

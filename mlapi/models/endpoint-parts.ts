import type { ModelRegistry } from '../inference/model-registry.ts';
import { namedModel } from '../inference/named-model.ts';
import type { ModelService } from './catalog/model-service.ts';
import type { ModelStore } from './serving/model-store.ts';
import type { Traffic } from './traffic/traffic.ts';
import type { ModelStoreConfig } from './variables.ts';

/** Tag in the documentation, and example values for path parameters. */
export const tag = 'model store';
export const params = { name: 'my-model', version: '1', alias: 'stable' };

export const read = { access: 'models:read', resource: namedModel, method: 'GET' } as const;
export const write = { access: 'models:write', resource: namedModel } as const;
export const missing = { 404: 'No such model or version' };
export const foreign = { 403: 'The token lacks the scope, or the model belongs to another client' };

export interface ModelStoreEndpointsOptions {
  readonly store: ModelStore;
  readonly service: ModelService;
  readonly traffic: Traffic;
  /** The models of the folders; they have one version each and no aliases. */
  readonly predictors: ModelRegistry;
  readonly config: Pick<ModelStoreConfig, 'modelLimitBytes'>;
}

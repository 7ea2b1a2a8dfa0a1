import { integer, variable, type VariableGroup } from '../config/variable.ts';

export interface ModelStoreConfig {
  /** Maximum size of one upload, in bytes. */
  readonly modelLimitBytes: number;
  /** Memory limit of each process with an uploaded model, in bytes. */
  readonly modelMemoryBytes: number;
  /** Memory limit of all these processes together, in bytes. */
  readonly modelsMemoryBytes: number;
  /** Versions, and their total bytes, that a client may have in the store. */
  readonly clientModels: number;
  readonly clientModelsBytes: number;
}

export const modelStoreVariables: VariableGroup<ModelStoreConfig> = {
  variables: [
    variable('MLAPI_MODEL_LIMIT_BYTES', integer(1_024, 2_000_000_000), '104857600', 'maximum size of a model upload'),
    variable(
      'MLAPI_MODEL_MEMORY_BYTES',
      integer(268_435_456, 68_719_476_736),
      '1073741824',
      'memory limit of each process with an uploaded model; at most the share of its server process',
    ),
    variable(
      'MLAPI_MODELS_MEMORY_BYTES',
      integer(268_435_456, 68_719_476_736),
      '1073741824',
      'memory limit of all loaded uploaded models, split evenly among server processes and then owners',
    ),
    variable('MLAPI_CLIENT_MODELS', integer(0, 1_000_000), '100', 'maximum number of versions per client in the store'),
    variable(
      'MLAPI_CLIENT_MODELS_BYTES',
      integer(0, 68_719_476_736),
      '1073741824',
      'maximum bytes per client in the store',
    ),
  ],
  read: (values) => ({
    modelLimitBytes: values.number('MLAPI_MODEL_LIMIT_BYTES'),
    modelMemoryBytes: values.number('MLAPI_MODEL_MEMORY_BYTES'),
    modelsMemoryBytes: values.number('MLAPI_MODELS_MEMORY_BYTES'),
    clientModels: values.number('MLAPI_CLIENT_MODELS'),
    clientModelsBytes: values.number('MLAPI_CLIENT_MODELS_BYTES'),
  }),
};

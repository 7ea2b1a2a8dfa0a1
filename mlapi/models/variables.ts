import { integer, variable, type VariableGroup } from '../config/variable.ts';

export interface ModelStoreConfig {
  /** Maximum size of one upload, in bytes. */
  readonly modelLimitBytes: number;
  /** Maximum memory of each process that holds an uploaded model. */
  readonly modelMemoryBytes: number;
  /** Maximum memory of all these processes together. */
  readonly modelsMemoryBytes: number;
  /** Versions, and their bytes, that a client may have in the store. */
  readonly clientModels: number;
  readonly clientModelsBytes: number;
}

export const modelStoreVariables: VariableGroup<ModelStoreConfig> = {
  variables: [
    variable('MLAPI_MODEL_LIMIT_BYTES', integer(1_024, 2_000_000_000), '104857600', 'largest upload of a model'),
    variable(
      'MLAPI_MODEL_MEMORY_BYTES',
      integer(268_435_456, 68_719_476_736),
      '1073741824',
      'memory of each process that holds an uploaded model; at most its worker’s part of all',
    ),
    variable(
      'MLAPI_MODELS_MEMORY_BYTES',
      integer(268_435_456, 68_719_476_736),
      '1073741824',
      'memory of all loaded uploaded models, divided among the workers; owners have equal shares',
    ),
    variable('MLAPI_CLIENT_MODELS', integer(0, 1_000_000), '100', 'versions that a client may have in the store'),
    variable(
      'MLAPI_CLIENT_MODELS_BYTES',
      integer(0, 68_719_476_736),
      '1073741824',
      'bytes that a client may have in the store',
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

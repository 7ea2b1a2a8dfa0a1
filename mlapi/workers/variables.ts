import { availableParallelism } from 'node:os';
import Joi from 'joi';
import { variable, type VariableGroup } from '../config/variable.ts';

export interface WorkersConfig {
  readonly processes: number;
}

const workers = Joi.string()
  .pattern(/^(?:auto|[1-9]\d?)$/)
  .messages({ 'string.pattern.base': '{{#label}} must be auto, or a whole number from 1 to 99' });

export const workersVariables: VariableGroup<WorkersConfig> = {
  variables: [variable('MLAPI_WORKERS', workers, '1', 'server processes; `auto`: one per core')],
  read: (values) => {
    const given = values.text('MLAPI_WORKERS');
    return { processes: given === 'auto' ? availableParallelism() : Number(given) };
  },
};

import { modelNotFound } from '../http/problem.ts';

/** Of endpoints whose path names a model: a scope may be for some models, and the others do not exist for its holder. */
export const namedModel = { param: 'name', hidden: modelNotFound, event: 'model_hidden' } as const;

import { Problem } from '../http/problem.ts';

/** 404: the model does not exist, or the client's scopes do not cover it. */
export function modelNotFound(): Problem {
  return new Problem(404, 'model_not_found', 'No such model or version.');
}

/** Resource of an endpoint whose path names a model. A client whose scopes cover only other models gets 404. */
export const namedModel = { param: 'name', hidden: modelNotFound, event: 'model_hidden' } as const;

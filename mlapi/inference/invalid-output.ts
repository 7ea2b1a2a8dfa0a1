import { Problem } from '../http/problem.ts';

/** 422: the rows are fine, and the model has no answer for them that could be passed on. */
export function invalidModelOutput(reason: string, cause?: unknown): Problem {
  const detail = `The model gave no usable answer for these rows: ${reason}.`;
  return new Problem(422, 'invalid_model_output', detail, { cause });
}

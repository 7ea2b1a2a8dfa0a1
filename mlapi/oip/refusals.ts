import { Problem } from '../http/problem.ts';

/** 400: the request is not one of the protocol, or does not fit itself. @param where the place in the request, as `inputs[0].shape` */
export function invalidInference(where: string, what: string): Problem {
  return new Problem(400, 'invalid_inference', where === '' ? `${what}.` : `${where}: ${what}.`);
}

import type Joi from 'joi';
import { refuseManyNames } from '../body/forms.ts';
import { Problem, toPointer } from '../problem.ts';

/**
 * Checks a body against its schema. Nothing is converted; unknown fields are rejected.
 * @throws {Problem} 400 `invalid_request` with a pointer for each mistake
 */
export function validate(schema: Joi.Schema, value: unknown): unknown {
  // Joi silently drops an own `__proto__`: reject it first.
  if (typeof value === 'object' && value !== null) {
    if (Object.hasOwn(value, '__proto__')) throw invalid();
    refuseManyNames(value);
  }
  const result = schema.validate(value, {
    convert: false,
    abortEarly: false,
    errors: { wrap: { label: false } },
  });
  if (result.error === undefined) return result.value as unknown;
  throw invalid(
    result.error.details.map(({ type, path, message }) => {
      // Do not repeat an unknown name: in a form it may be the rest of a password that contained an unescaped &.
      const isUnknown = type === 'object.unknown';
      return {
        pointer: (isUnknown ? path.slice(0, -1) : path).map(toPointer).join(''),
        detail: isUnknown ? 'unknown field' : message.slice(0, 200),
      };
    }),
  );
}

function invalid(errors: { pointer: string; detail: string }[] = []): Problem {
  const first = errors[0];
  const detail = first === undefined ? 'The body is invalid.' : `The body is invalid: ${first.detail}.`;
  return new Problem(400, 'invalid_request', detail, { errors });
}

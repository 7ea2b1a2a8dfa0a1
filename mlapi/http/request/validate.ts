import type Joi from 'joi';
import { refuseManyNames } from '../body/forms.ts';
import { Problem, toPointer } from '../problem.ts';

/**
 * A body checked against its schema, as it came: nothing is converted, nothing unknown is let through.
 * @throws {Problem} 400 `invalid_request` with a pointer for each mistake
 */
export function validate(schema: Joi.Schema, value: unknown): unknown {
  // Joi drops an own __proto__ without a word: refuse it first.
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
      // A name that is not ours is not repeated: in a form it is what stood behind an unescaped & in a password.
      const isUnknown = type === 'object.unknown';
      return {
        pointer: (isUnknown ? path.slice(0, -1) : path).map(toPointer).join(''),
        detail: isUnknown ? 'there is a field that is not known here' : message.slice(0, 200),
      };
    }),
  );
}

function invalid(errors: { pointer: string; detail: string }[] = []): Problem {
  const first = errors[0];
  const detail = first === undefined ? 'The body is wrong.' : `The body is wrong: ${first.detail}.`;
  return new Problem(400, 'invalid_request', detail, { errors });
}

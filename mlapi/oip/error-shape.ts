import type { Problem } from '../http/problem.ts';
import type { ErrorShape } from '../http/response/error-shape.ts';

const maxMistakesInText = 3;

/** The errors of the Open Inference Protocol. */
export const oipErrorShape: ErrorShape = {
  prefix: '/v2',
  mediaType: 'application/json',
  schema: {
    title: 'InferenceError',
    type: 'object',
    description: 'Open Inference Protocol',
    required: ['error'],
    properties: { error: { type: 'string' } },
  },
  body: inferenceError,
};

/** One sentence for people, with the first mistakes where there are several. */
function inferenceError({ message, errors = [] }: Problem): object {
  const mistakes = errors.slice(0, maxMistakesInText).map(({ pointer, detail }) => ` ${pointer}: ${detail}.`);
  return { error: message + mistakes.join('') };
}

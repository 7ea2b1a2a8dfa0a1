import { Problem, type InputError } from '../http/problem.ts';
import { ExhaustedRun, Fault } from './faults.ts';

const code = 'temporarily_unavailable';
const retryAfter = (seconds: number) => ({ 'retry-after': String(seconds) });

/** 503: the queue is so long that this request would miss its deadline. */
export function busy(retrySeconds: number): Problem {
  const message = 'The queue of this model is full; try again later.';
  return new Problem(503, code, message, { headers: retryAfter(retrySeconds) });
}

/** 503: the process that ran this exited and is being restarted, or a remote server did not respond. */
export function processLost(cause: unknown): Problem {
  if (cause instanceof ExhaustedRun) return memoryExhausted(cause);
  return new Problem(503, code, 'The computation was lost; try again in a moment.', { headers: retryAfter(1), cause });
}

/** 503: the model process was stopped because it exceeded its memory limit; a later attempt may find more free memory. */
export function memoryExhausted(cause: unknown): Problem {
  const message = 'The model exceeded its memory limit and was stopped. Send fewer rows at once, or try again later.';
  return new Problem(503, 'memory_exhausted', message, { headers: retryAfter(2), cause });
}

/** 503: the model's processes keep exiting, or its server fails, so that it is not tried for a while. */
export function unavailable(cause: Error): Problem {
  if (cause instanceof ExhaustedRun) return memoryExhausted(cause);
  return new Problem(503, 'model_unavailable', 'This model cannot compute at the moment.', {
    headers: retryAfter(cause instanceof Fault ? cause.retrySeconds : 30),
    cause,
  });
}

/** 504: the prediction was stopped at its deadline, or would have missed it. */
export function deadlineExceeded(timeoutMs: number): Problem {
  return new Problem(504, 'deadline_exceeded', `The prediction took longer than ${timeoutMs} ms.`);
}

/** 409: the model takes tensors, not rows. */
export function takesTensors(): Problem {
  return new Problem(409, 'takes_tensors', 'This model takes tensors, not rows. Use POST /v2/models/{name}/infer.');
}

/** 400: malformed inference request. @param where position in the request, such as `inputs[0].shape` */
export function invalidInference(where: string, what: string): Problem {
  return new Problem(400, 'invalid_inference', where === '' ? `${what}.` : `${where}: ${what}.`);
}

/** 400: the tensors do not match the inputs or outputs of the model. */
export function invalidTensors(what: string): Problem {
  return new Problem(400, 'invalid_tensors', `${what}.`);
}

/** 400: the rows do not match the contract. */
export function invalidRows(
  errors: readonly InputError[],
  message = 'The rows do not match the contract of the model.',
): Problem {
  return new Problem(400, 'invalid_rows', message, { errors });
}

/** 413. @param rows number of rows in the request, if known */
export function tooManyRows(maxRows: number, rows?: number): Problem {
  const held = rows === undefined ? 'more' : String(rows);
  return new Problem(413, 'too_many_rows', `A request may contain at most ${maxRows} rows; this one contains ${held}.`);
}

/** 422: the input is valid, but the model's output cannot be returned. */
export function invalidModelOutput(reason: string, cause?: unknown): Problem {
  const detail = `The model returned no usable output for these rows: ${reason}.`;
  return new Problem(422, 'invalid_model_output', detail, { cause });
}

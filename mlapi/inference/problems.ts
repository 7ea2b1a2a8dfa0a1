import { Problem, type InputError } from '../http/problem.ts';
import { ExhaustedRun, Fault } from './faults.ts';

const code = 'temporarily_unavailable';
const retryAfter = (seconds: number) => ({ 'retry-after': String(seconds) });

/** 503: so many rows wait that this request would wait past its deadline. */
export function busy(retrySeconds: number): Problem {
  const message = 'More predictions are waiting than this model can compute in time; try again later.';
  return new Problem(503, code, message, { headers: retryAfter(retrySeconds) });
}

/** 503: the process that computed this ended, and is started again; or a server gave no answer. */
export function processLost(cause: unknown): Problem {
  if (cause instanceof ExhaustedRun) return memoryExhausted(cause);
  return new Problem(503, code, 'The computation was lost; try again in a moment.', { headers: retryAfter(1), cause });
}

/** 503: the model was ended because it took more memory than there is for it; others may leave more the next time. */
export function memoryExhausted(cause: unknown): Problem {
  const message =
    'The model was ended: it took more memory than there is for it. Send less at once, or try again later.';
  return new Problem(503, 'memory_exhausted', message, { headers: retryAfter(2), cause });
}

/** 503: the model's processes keep ending, or its server fails, so that none is tried for a while. */
export function unavailable(cause: Error): Problem {
  if (cause instanceof ExhaustedRun) return memoryExhausted(cause);
  return new Problem(503, 'model_unavailable', 'This model cannot compute at the moment.', {
    headers: retryAfter(cause instanceof Fault ? cause.retrySeconds : 30),
    cause,
  });
}

/** 504: the computation was stopped, or would have to be. */
export function deadlineExceeded(timeoutMs: number): Problem {
  return new Problem(504, 'deadline_exceeded', `The prediction takes longer than ${timeoutMs} ms.`);
}

/** 409: rows are nothing to this model. */
export function takesTensors(): Problem {
  return new Problem(409, 'takes_tensors', 'This model takes tensors, and no rows: infer with it under /v2.');
}

/** 400: the request is not one of tensors, or does not fit itself. @param where the place in the request, as `inputs[0].shape` */
export function invalidInference(where: string, what: string): Problem {
  return new Problem(400, 'invalid_inference', where === '' ? `${what}.` : `${where}: ${what}.`);
}

/** 400: the tensors are not those that the model takes or answers. */
export function invalidTensors(what: string): Problem {
  return new Problem(400, 'invalid_tensors', `${what}.`);
}

/** 400: the rows do not fit the contract. */
export function invalidRows(
  errors: readonly InputError[],
  message = 'The rows do not fit the contract of the model.',
): Problem {
  return new Problem(400, 'invalid_rows', message, { errors });
}

/** 413: @param rows as many as it holds, where that is known */
export function tooManyRows(maxRows: number, rows?: number): Problem {
  const held = rows === undefined ? 'more' : String(rows);
  return new Problem(413, 'too_many_rows', `A request may hold ${maxRows} rows; this one holds ${held}.`);
}

/** 422: the rows are fine, and the model has no answer for them that could be passed on. */
export function invalidModelOutput(reason: string, cause?: unknown): Problem {
  const detail = `The model gave no usable answer for these rows: ${reason}.`;
  return new Problem(422, 'invalid_model_output', detail, { cause });
}

import { Problem } from '../http/problem.ts';

/** 409: versions are immutable, and names are never used twice. */
export function versionExists(): Problem {
  return conflict(
    'This model has, or had, a version of this name; versions never change. Choose another.',
    'version_exists',
  );
}

/** 409: a path of the service has the place of its name. */
export function nameReserved(name: string): Problem {
  return conflict(
    `No model is called "${name}": the path /v2/models/${name} is not about a model.`,
    'name_is_reserved',
  );
}

/** 409: it lies in a folder of the service. */
export function modelIsShipped(): Problem {
  return conflict('The service comes with a model of this name. Choose another.', 'model_is_shipped');
}

export function conflict(message: string, code = 'conflict'): Problem {
  return new Problem(409, code, message);
}

/** 403: everybody may see whose a model is not. */
export function notTheOwner(): Problem {
  return new Problem(403, 'not_the_owner', 'This model belongs to another client.');
}

/** 403: @param limit what a client may have */
export function overQuota(limit: string): Problem {
  return new Problem(403, 'quota_exceeded', `A client may have ${limit} in the store: retire what is not needed.`);
}

export function tooManyAliases(most: number): Problem {
  return new Problem(403, 'quota_exceeded', `A model may have ${most} aliases: remove one first.`);
}

export function aliasNotFound(): Problem {
  return new Problem(404, 'alias_not_found', 'There is no such alias.');
}

/** 507 for what a full disk threw; anything else as it is. */
export function storageFull(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause;
  return new Problem(507, 'storage_full', 'There is no room for this model at the moment.', { cause });
}

/** 503: models in use have all the memory that there is for this owner's share. */
export function memoryUnavailable(): Problem {
  return new Problem(503, 'temporarily_unavailable', 'There is no memory for one more model at the moment.', {
    headers: { 'retry-after': '2' },
  });
}

/** 503: it was ended a moment ago, and rests. */
export function modelTerminated(): Problem {
  const text = 'The model was ended: it took more memory than there is for it. It is loaded again in a while.';
  return new Problem(503, 'memory_exhausted', text, { headers: { 'retry-after': '2' } });
}

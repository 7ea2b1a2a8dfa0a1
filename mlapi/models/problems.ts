import { Problem } from '../http/problem.ts';

/** 409: versions are immutable, and their names are never reused. */
export function versionExists(): Problem {
  return conflict(
    'This version exists or existed already; versions are immutable. Choose another version name.',
    'version_exists',
  );
}

/** 409: a path of the service uses this name. */
export function nameReserved(name: string): Problem {
  return conflict(`The model name "${name}" is reserved: a path of the service ends with it.`, 'name_is_reserved');
}

/** 409: the model is in a folder of the service. */
export function modelIsShipped(): Problem {
  return conflict('The service has a model of this name in its folders. Choose another name.', 'model_is_shipped');
}

export function conflict(message: string, code = 'conflict'): Problem {
  return new Problem(409, code, message);
}

/** 403. Reveals that the name is taken, but not by whom. */
export function notTheOwner(): Problem {
  return new Problem(403, 'not_the_owner', 'This model belongs to another client.');
}

/** 403. @param limit what a client may have, such as `100 versions` */
export function overQuota(limit: string): Problem {
  return new Problem(403, 'quota_exceeded', `Quota exceeded: ${limit} per client. Retire unused versions.`);
}

export function tooManyAliases(most: number): Problem {
  return new Problem(403, 'quota_exceeded', `Quota exceeded: ${most} aliases per model. Remove one first.`);
}

export function aliasNotFound(): Problem {
  return new Problem(404, 'alias_not_found', 'No such alias.');
}

/** Returns 507 for a full disk; any other error unchanged. */
export function storageFull(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause;
  return new Problem(507, 'storage_full', 'There is not enough storage for this model at the moment.', { cause });
}

/** 503: models in use occupy all memory of this owner's share. */
export function memoryUnavailable(): Problem {
  return new Problem(
    503,
    'temporarily_unavailable',
    'There is not enough memory to load another model at the moment.',
    {
      headers: { 'retry-after': '2' },
    },
  );
}

/** 503: the model was stopped for exceeding its memory limit and may not be loaded again yet. */
export function modelTerminated(): Problem {
  const text = 'The model exceeded its memory limit and was stopped. It can be loaded again later.';
  return new Problem(503, 'memory_exhausted', text, { headers: { 'retry-after': '2' } });
}

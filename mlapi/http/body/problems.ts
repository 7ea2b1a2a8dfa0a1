import { Problem } from '../problem.ts';

export function tooLarge(): Problem {
  return new Problem(413, 'body_too_large', 'The body is larger than this service takes.');
}

export function brokeOff(): Problem {
  return new Problem(400, 'invalid_request', 'The body broke off.');
}

/** @param most pieces in which the body may come */
export function tooManyPieces(most: number): Problem {
  return new Problem(400, 'invalid_request', `The body came in more than ${most} pieces: send it in larger chunks.`, {
    headers: { connection: 'close' },
  });
}

/** Nothing here reads trailers, and a proxy might take one for a header. */
export function hasTrailers(): Problem {
  return new Problem(400, 'invalid_request', 'Trailers are not supported.', {
    headers: { connection: 'close' },
  });
}

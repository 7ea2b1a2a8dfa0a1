import { Problem } from '../problem.ts';

export function tooLarge(): Problem {
  return new Problem(413, 'body_too_large', 'The body is too large.');
}

export function brokeOff(): Problem {
  return new Problem(400, 'invalid_request', 'The connection closed before the body ended.');
}

/** @param most maximum number of pieces */
export function tooManyPieces(most: number): Problem {
  return new Problem(400, 'invalid_request', `The body came in more than ${most} pieces. Send larger chunks.`, {
    headers: { connection: 'close' },
  });
}

/** Trailers are rejected: nothing here reads them, and a proxy might treat one as a header. */
export function hasTrailers(): Problem {
  return new Problem(400, 'invalid_request', 'Trailers are not supported.', {
    headers: { connection: 'close' },
  });
}

import type { Problem } from '../problem.ts';

/** How the errors of one protocol look. Everything that no shape is for is RFC 9457. */
export interface ErrorShape {
  /** The beginning of its paths, in whole segments: `/auth`. */
  readonly prefix: string;
  readonly mediaType: string;
  /** JSON Schema of the body, for the documents. */
  readonly schema: object;
  readonly body: (problem: Problem) => object;
}

/** Finds the shape of errors at a path or request target. */
export function shapeOf(shapes: readonly ErrorShape[], target: string): ErrorShape | undefined {
  return shapes.find(
    ({ prefix }) => target.startsWith(prefix) && ['', '/', '?'].includes(target.charAt(prefix.length)),
  );
}

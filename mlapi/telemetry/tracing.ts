/** The trace that a caller says its request belongs to (W3C Trace Context, `traceparent`). */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 of them: the caller's own span. */
  readonly parentId: string;
  readonly isSampled: boolean;
}

export interface TracedRequest {
  readonly method: string;
  /** As in the metrics. */
  readonly route: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly requestId: string;
}

/** Joins this service to the traces of its callers; it begins none of its own. */
export interface Tracing {
  /** Keeps a request that its caller wants to be traced, until the collector gets it. */
  record(trace: TraceContext, request: TracedRequest): void;
  /** Ends it, with what waits; a collector that takes nothing holds the end up for a second. */
  finish(): Promise<void>;
}

const traceparent = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** @returns undefined for a header that is missing, repeated, of another version or malformed: nothing of it may reach the log */
export function readTraceparent(header: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string') return undefined;
  const [, traceId, parentId, flags] = traceparent.exec(header) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

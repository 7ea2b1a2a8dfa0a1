/** Trace that the caller's request belongs to (W3C Trace Context, `traceparent`). */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the caller's span. */
  readonly parentId: string;
  readonly isSampled: boolean;
}

export interface TracedRequest {
  readonly method: string;
  /** Path of the endpoint, as in the metrics. */
  readonly route: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly requestId: string;
}

/** Adds this service's spans to the traces of its callers. Starts no traces itself. */
export interface Tracing {
  /** Queues the span of a sampled request for the collector. */
  record(trace: TraceContext, request: TracedRequest): void;
  /** Exports the queued spans, for up to a second. */
  finish(): Promise<void>;
}

const traceparent = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** @returns undefined if the header is missing, repeated, malformed or of another version; nothing of it may reach the log */
export function readTraceparent(header: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string') return undefined;
  const [, traceId, parentId, flags] = traceparent.exec(header) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

import { type CounterCell, CounterFamily, type HistogramCell, HistogramFamily } from './metrics-families.ts';
import type { AnsweredRequest, MetricSnapshot } from './metrics.ts';

/** In seconds. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Methods with their own label; callers may make up others. */
const methods = ['other', 'GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'];
/** Further routes are counted together as `other`. */
const maxRoutes = 200;
/** Limit for combinations of route, method and status, whatever callers send. */
const maxCombinations = 1_000;

interface Cells {
  readonly count: CounterCell;
  readonly seconds: HistogramCell;
}

/**
 * Counts requests by method, route and status. Durations of rejected requests are kept by route and status class only: anybody may try
 * every method on every route, and a histogram per status would be large.
 */
export class RequestMetrics {
  readonly #counts = new CounterFamily('http_requests_total', 'Requests answered.');
  readonly #seconds = new HistogramFamily(
    'http_request_duration_seconds',
    'Time from the arrival of a request to the end of its response.',
    bounds,
  );
  /** Counts per route, then per number that combines status and method. */
  readonly #routes = new Map<string, Map<number, Cells>>();
  #combinations = 0;

  requestAnswered({ method, route, status, seconds }: AnsweredRequest): void {
    const known = this.#routes.get(route) ?? this.#addRoute(route);
    const key = status * methods.length + methodIndex(method);
    const cells = known.get(key) ?? this.#addCells(known, key, route);
    cells.count.increment();
    cells.seconds.observe(seconds);
  }

  read(): MetricSnapshot[] {
    return [this.#counts.read(), this.#seconds.read()];
  }

  #addRoute(route: string): Map<number, Cells> {
    const name = this.#routes.size < maxRoutes ? route : 'other';
    const cells = this.#routes.get(name) ?? new Map<number, Cells>();
    this.#routes.set(name, cells);
    return cells;
  }

  #addCells(known: Map<number, Cells>, key: number, given: string): Cells {
    const isCounted = this.#combinations < maxCombinations;
    const route = isCounted && this.#routes.has(given) ? given : 'other';
    const method = isCounted ? methods[key % methods.length]! : 'other';
    const code = String(Math.floor(key / methods.length));
    const isRefusal = code >= '400';
    const timed = isRefusal ? { method: 'other', route, status: `${code[0]}xx` } : { method, route, status: code };
    const cells = { count: this.#counts.cell({ method, route, status: code }), seconds: this.#seconds.cell(timed) };
    known.set(key, cells);
    this.#combinations += 1;
    return cells;
  }
}

function methodIndex(method: string): number {
  const index = methods.indexOf(method);
  return index < 0 ? 0 : index;
}

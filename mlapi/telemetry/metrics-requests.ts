import { type HistogramCell, HistogramFamily } from './metrics-families.ts';
import type { AnsweredRequest, MetricSnapshot } from './metrics.ts';

/** Seconds. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** The methods that are told apart: a caller may make up others. */
const methods = ['other', 'GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'];
/** The routes past this many are counted together, as `other`. */
const maxRoutes = 200;

/** Counts requests by method, route and status. */
export class RequestMetrics {
  readonly #seconds = new HistogramFamily(
    'http_request_duration_seconds',
    'Time from the arrival of a request to the end of its answer.',
    bounds,
  );
  /** By route, then by status and method as one number. */
  readonly #routes = new Map<string, Map<number, HistogramCell>>();

  requestAnswered({ method, route, status, seconds }: AnsweredRequest): void {
    const cells = this.#routes.get(route) ?? this.#addRoute(route);
    const key = status * methods.length + methodIndex(method);
    const cell = cells.get(key) ?? this.#addCell(cells, key, route);
    cell.observe(seconds);
  }

  read(): MetricSnapshot[] {
    return [this.#seconds.readCounts('http_requests_total', 'Requests answered.'), this.#seconds.read()];
  }

  #addRoute(route: string): Map<number, HistogramCell> {
    const name = this.#routes.size < maxRoutes ? route : 'other';
    const cells = this.#routes.get(name) ?? new Map<number, HistogramCell>();
    this.#routes.set(name, cells);
    return cells;
  }

  #addCell(cells: Map<number, HistogramCell>, key: number, route: string): HistogramCell {
    const cell = this.#seconds.cell({
      method: methods[key % methods.length]!,
      route: this.#routes.has(route) ? route : 'other',
      status: String(Math.floor(key / methods.length)),
    });
    cells.set(key, cell);
    return cell;
  }
}

function methodIndex(method: string): number {
  const index = methods.indexOf(method);
  return index < 0 ? 0 : index;
}

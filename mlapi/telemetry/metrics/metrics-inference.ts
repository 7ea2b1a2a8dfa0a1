import { type CounterCell, CounterFamily, type HistogramCell, HistogramFamily } from './metrics-families.ts';
import type { MetricSnapshot, ObservedModel, ObservedRun } from './metrics.ts';

/** In seconds; a small model runs in 10 µs. */
const secondBounds = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
];
const requestBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
const rowBounds = [...requestBounds, 2_048, 4_096, 8_192, 16_384];

/** Further models are counted together as `other`. */
const maxModels = 200;

/** The cells of one model, looked up once and kept. */
interface ModelCells {
  readonly model: string;
  readonly queueSeconds: HistogramCell;
  readonly rows: HistogramCell;
  readonly requests: HistogramCell;
  readonly shed: CounterCell;
  /** Cells of each executor that has run the model. */
  readonly executors: Partial<Record<ObservedRun['executor'], ExecutorCells>>;
}

interface ExecutorCells {
  readonly seconds: HistogramCell;
  readonly runs: Readonly<Record<ObservedRun['outcome'], CounterCell>>;
}

/** Metrics of model runs. */
export class InferenceMetrics {
  readonly #seconds = new HistogramFamily('mlapi_inference_duration_seconds', 'Duration of a model run.', secondBounds);
  readonly #queueSeconds = new HistogramFamily(
    'mlapi_inference_queue_seconds',
    'Time from the arrival of the oldest request of a run to the start of the run.',
    secondBounds,
  );
  readonly #rows = new HistogramFamily('mlapi_inference_batch_rows', 'Rows in one run of a model.', rowBounds);
  readonly #requests = new HistogramFamily(
    'mlapi_inference_batch_requests',
    'Requests that shared one run of a model.',
    requestBounds,
  );
  readonly #runs = new CounterFamily('mlapi_inference_runs_total', 'Runs of a model.');
  readonly #shed = new CounterFamily('mlapi_inference_shed_total', 'Requests rejected because the queue was too long.');
  readonly #models = new Map<string, ModelCells>();

  ran({ model, executor, requests, rows, queueSeconds, runSeconds, outcome }: ObservedRun): void {
    const cells = this.#cellsOf(model);
    const ofExecutor = (cells.executors[executor] ??= this.#executorCells(cells.model, executor));
    ofExecutor.seconds.observe(runSeconds);
    ofExecutor.runs[outcome].increment();
    cells.queueSeconds.observe(queueSeconds);
    cells.rows.observe(rows);
    cells.requests.observe(requests);
  }

  shed({ model }: ObservedModel): void {
    this.#cellsOf(model).shed.increment();
  }

  read(): MetricSnapshot[] {
    const families = [this.#seconds, this.#queueSeconds, this.#rows, this.#requests, this.#runs, this.#shed];
    return families.map((family) => family.read());
  }

  #cellsOf(model: string): ModelCells {
    const known = this.#models.get(model);
    if (known !== undefined) return known;
    return this.#models.size < maxModels ? this.#add(model) : (this.#models.get('other') ?? this.#add('other'));
  }

  #add(model: string): ModelCells {
    const cells: ModelCells = {
      model,
      queueSeconds: this.#queueSeconds.cell({ model }),
      rows: this.#rows.cell({ model }),
      requests: this.#requests.cell({ model }),
      shed: this.#shed.cell({ model }),
      executors: {},
    };
    this.#models.set(model, cells);
    return cells;
  }

  #executorCells(model: string, executor: string): ExecutorCells {
    const runs = (outcome: string) => this.#runs.cell({ model, executor, outcome });
    return {
      seconds: this.#seconds.cell({ model, executor }),
      runs: { ok: runs('ok'), failed: runs('failed'), timeout: runs('timeout'), crashed: runs('crashed') },
    };
  }
}

/** A feature that can be removed from a clone, and how to find it. */
export interface TemplateFeature {
  readonly title: string;
  /** Features that depend on it, and are removed with it. */
  readonly neededBy?: readonly string[];
  /** Its own files and folders. */
  readonly paths: readonly string[];
  /** What other files call it: anything with one of these words is removed. */
  readonly words: RegExp;
  /** Paths in which the words mean something else. */
  readonly except?: readonly string[];
}

const all = {
  assurance: {
    title: 'evidence about the template itself: attacks, faults, benchmarks, soak, supply chain',
    paths: ['test/assurance', 'files/reports', 'files/asvs.md', '.ci/sbom', '.ci/supply'],
    words: /test\/assurance|files\/reports|asvs|npm run (?:bench|soak|faults|sbom|supply|measure|demo)/i,
  },
  oip: {
    title: 'the Open Inference Protocol under /v2',
    paths: [
      'mlapi/oip',
      'test/oip',
      'test/assurance/attacks/large-answers.test.ts',
      'files/open-inference-protocol.md',
    ],
    words: /\boip|\/v2\b(?!\.)|\bv2\b(?!\.)|open.inference.protocol|tritonclient/i,
    except: ['mlapi/inference/remote', 'test/inference/remote', 'test/support/oip-server.ts', 'files/remote-models.md'],
  },
  postgres: {
    title: 'PostgreSQL in place of SQLite, for several machines',
    paths: [
      'mlapi/persistence/postgres.ts',
      'mlapi/persistence/postgres-variables.ts',
      'mlapi/persistence/postgres-pool.ts',
      'test/persistence/postgres-faults.test.ts',
      'test/persistence/postgres-races.test.ts',
      'test/persistence/postgres-start.test.ts',
      'test/postgres.ts',
      'test/support/postgres.ts',
    ],
    words: /postgres|database_?url|initdb/i,
  },
  redis: {
    title: 'rate limits in Redis, for several machines',
    paths: [
      'mlapi/http/limits/redis-counters.ts',
      'mlapi/http/limits/redis-variables.ts',
      'test/http/limits/redis-counters.test.ts',
      'test/http/limits/shared-limits.test.ts',
      'test/support/redis.ts',
    ],
    words: /redis/i,
  },
  otlp: {
    title: 'metrics and traces to an OpenTelemetry collector',
    paths: ['mlapi/telemetry/otlp', 'mlapi/telemetry/tracing.ts', 'test/telemetry/otlp', 'test/support/otlp.ts'],
    words: /otlp|opentelemetry|traceparent|tracing/i,
  },
  models: {
    title: 'the model store: uploaded models, their versions, aliases and traffic',
    paths: [
      'mlapi/models',
      'mlapi/inference/untrusted',
      'test/models',
      'mlapi/client/aliases.ts',
      'mlapi/client/multipart.ts',
      'mlapi/client/versions.ts',
      'test/client/model-store.test.ts',
      'test/client/versions.test.ts',
      'test/assurance/attacks/long-lists.test.ts',
      'test/assurance/attacks/model-memory.test.ts',
      'test/assurance/attacks/refused-bodies.test.ts',
      'test/assurance/attacks/uploaded-data.test.ts',
      'test/fixtures/make_scanned.py',
      'test/fixtures/scanned',
      'test/support/stored-models.ts',
      'test/support/uploads.ts',
      'files/model-store.md',
    ],
    words:
      /model.?store|upload|untrusted|alias|\bdrift|mlapi_traffic|model_added|model_retired|MLAPI_MODEL_LIMIT|MLAPI_MODELS_MEMORY|MLAPI_MODEL_MEMORY_BYTES=|MLAPI_CLIENT_MODELS|ModelSource|models:(?:write|admin|download)|mlapi\/models|(?<!\.)models (?:add|import|retire|stored)|\/api\/models\/[{:]name\}?\/(?:traffic|versions(?!\/[{:]version\}?\/predict))|RequestedShare/i,
  },
  programs: {
    title: 'confined programs of other languages, with a scratch folder and captured output',
    paths: [
      'mlapi/sandbox/program-run.ts',
      'mlapi/sandbox/captured-output.ts',
      'mlapi/sandbox/outcome.ts',
      'mlapi/sandbox/scratch',
      'test/sandbox/program-run.test.ts',
      'test/sandbox/hostile-programs.test.ts',
      'test/sandbox/machine-wide.test.ts',
      'test/support/confined-programs.ts',
      'test/support/confining-parent.ts',
      'test/sandbox/captured-output.test.ts',
      'test/sandbox/outcome.test.ts',
      'test/sandbox/scratch',
    ],
    words: /program-?run|scratch|captured-?output/i,
  },
  remote: {
    title: 'models that run on other servers of the Open Inference Protocol',
    paths: [
      'mlapi/inference/remote',
      'test/inference/remote',
      'test/config/secret-files.test.ts',
      'test/support/oip-server.ts',
      'files/remote-models.md',
    ],
    words: /remote(?!.?address|-?commands)|PendingModels/i,
    except: ['mlapi/cli/remote.ts', 'mlapi/client', 'test/client', 'test/cli/remote'],
  },
  client: {
    title: 'the client in TypeScript, and the commands that use it',
    paths: ['mlapi/client', 'mlapi/cli/remote.ts', 'test/client', 'test/cli/remote.test.ts', 'files/clients.md'],
    words: /mlapi\/client|files\/clients\.md|remote-?commands/i,
  },
  csv: {
    title: 'rows and predictions as CSV',
    paths: [
      'mlapi/inference/csv',
      'mlapi/client/csv-stream.ts',
      'test/inference/csv',
      'test/client/csv.test.ts',
      'test/assurance/attacks/csv.test.ts',
      'test/assurance/bench/csv.bench.ts',
      'files/requests/three-rows.csv',
      '.ci/openapi/hooks.py',
    ],
    // Not `encoding.csv` of a model, `users.csv` of an operator, and the package that reads them.
    words: /(?<!\.|read_|to_)csv(?!-parse|error)|-rows\.csv/i,
    // The media type of `encoding.csv`.
    except: ['mlapi/client/versions.ts'],
  },
  workers: {
    title: 'several processes that serve, and one that supervises them; without it, one process',
    paths: [
      'mlapi/workers',
      'test/workers',
      'test/support/workers.ts',
      'test/support/metered-service.ts',
      'test/assurance/attacks/workers.test.ts',
    ],
    words: /\bworkers?\b|mlapi_worker|MLAPI_WORKERS|supervis|kill -HUP|RELOADING|metrics_missed|reload mlapi/i,
    // These mean threads of Node.js, a tool's own processes, and those of gunicorn.
    except: [
      'mlapi/inference/execution/model-child.ts',
      '.ci/openapi',
      'files/from-flask.md',
      'test/inference/remote/mlserver.py',
    ],
  },
  docs: {
    title: 'the documents at /api/docs, and the OpenAPI description',
    paths: ['mlapi/docs', 'test/docs', '.ci/openapi'],
    words: /openapi|api\/docs|MLAPI_DOCS|mlapi\/docs|docsEndpoints/i,
  },
} as const satisfies Readonly<Record<string, TemplateFeature>>;

export type FeatureName = keyof typeof all;

/** Every feature that `npm run remove` accepts, by name. `--all` leaves the core, with its documents. */
export const features: Readonly<Record<FeatureName, TemplateFeature>> = all;

export function isFeature(name: string): name is FeatureName {
  return Object.hasOwn(features, name);
}

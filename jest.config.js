import { fileURLToPath, URL } from 'node:url';

/**
 * The tests that `npm test` leaves to `npm run test:system`, by reason; a path that ends with / is a folder. All other tests run in one
 * process, need no other program, and take seconds: together they must stay under three minutes on two cores.
 */
export const systemTests = {
  'it starts, kills or starves processes': [
    'test/assurance/attacks/csv.test.ts',
    'test/assurance/attacks/exhaustion.test.ts',
    'test/assurance/attacks/http-floods.test.ts',
    'test/assurance/attacks/invariants.test.ts',
    'test/assurance/attacks/large-answers.test.ts',
    'test/assurance/attacks/leaks.test.ts',
    'test/assurance/attacks/model-memory.test.ts',
    'test/assurance/attacks/refused-bodies.test.ts',
    'test/assurance/attacks/shared-runs.test.ts',
    'test/assurance/attacks/stale-rights.test.ts',
    'test/assurance/attacks/workers.test.ts',
    'test/auth/two-applications.test.ts',
    'test/cli/',
    'test/client/model-store.test.ts',
    'test/client/readme.test.ts',
    'test/docs/pasted.test.ts',
    'test/assurance/faults/',
    'test/inference/batching/batching.test.ts',
    'test/inference/execution/process-pool.test.ts',
    'test/inference/csv/refusals.test.ts',
    'test/inference/execution/executor.test.ts',
    'test/inference/execution/expendable.test.ts',
    'test/inference/model-files/external-data.test.ts',
    'test/sandbox/hostile-programs.test.ts',
    'test/sandbox/message-pipe.test.ts',
    'test/sandbox/program-run.test.ts',
    'test/inference/slow-models.test.ts',
    'test/inference/execution/telemetry.test.ts',
    'test/models/built.test.ts',
    'test/models/confinement.test.ts',
    'test/models/traffic/drift.test.ts',
    'test/models/upload/external-data.test.ts',
    'test/models/upload/admission.test.ts',
    'test/models/scan/hostile-bytes.test.ts',
    'test/models/life.test.ts',
    'test/models/processes.test.ts',
    'test/models/upload/remote-upload.test.ts',
    'test/models/catalog/resolver.test.ts',
    'test/models/traffic/traffic.test.ts',
    'test/models/upload/upload.test.ts',
    'test/models/wall.test.ts',
    'test/oip/repository.test.ts',
    'test/oip/uploaded-tensors.test.ts',
    'test/persistence/migrations.test.ts',
    'test/process/',
    'test/telemetry/logger.test.ts',
    'test/telemetry/request-log.test.ts',
    'test/telemetry/metrics/series.test.ts',
    'test/telemetry/otlp/tracing.test.ts',
    'test/workers/',
  ],
  'it needs another program, such as nginx, Python or openssl': [
    'test/assurance/attacks/http2.test.ts',
    'test/assurance/attacks/limits.test.ts',
    'test/assurance/attacks/long-lists.test.ts',
    'test/assurance/attacks/stranger-flood.test.ts',
    'test/client/python.test.ts',
    'test/assurance/deploy/',
    'test/docs/page.test.ts',
    'test/docs/samples.test.ts',
    'test/http/limits/redis-counters.test.ts',
    'test/http/limits/shared-limits.test.ts',
    'test/inference/remote/mlserver.test.ts',
    'test/inference/remote/remote-tls.test.ts',
    'test/oauth/authlib.test.ts',
    'test/oip/client.test.ts',
    'test/persistence/postgres-faults.test.ts',
    'test/persistence/postgres-races.test.ts',
    'test/persistence/postgres-start.test.ts',
    'test/postman/',
  ],
  'it waits, or computes for long': [
    'test/assurance/attacks/brute-force.test.ts',
    'test/auth/keys/key-life.test.ts',
    'test/auth/property.test.ts',
    'test/assurance/bench/',
    'test/assurance/demo/',
    'test/inference/row-wise/operators.test.ts',
    'test/lint/linear-regexes.test.ts',
    'test/assurance/measure/',
    'test/models/scan/scan-bounds.test.ts',
    'test/oip/large-outputs.test.ts',
    'test/persistence/sqlite.test.ts',
    'test/removal.test.ts',
    'test/assurance/soak/',
  ],
};

const root = fileURLToPath(new URL('.', import.meta.url));
const escaped = (path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const system = Object.values(systemTests).flat().map(escaped).join('|');
const groups = { quick: `(?!${system})`, system: `(?=${system})` };

// The scripts of package.json set TEST_GROUP. Tests named on the command line always run.
const words = process.argv.slice(2);
const isNamed = words.includes('--runTestsByPath') || words.some((word) => word.startsWith('test/'));
const isRelated = words.includes('--findRelatedTests');
const group = isNamed && !isRelated ? undefined : groups[process.env.TEST_GROUP];

/** @type {import('jest').Config} */
export default {
  globalSetup: './test/run/setup.cjs',
  globalTeardown: './test/run/teardown.cjs',
  runtime: './test/run/runtime.cjs',
  // Child processes start compiled, as shipped.
  moduleNameMapper: { '^(?:\\./|.*/sandbox/)programs\\.ts$': '<rootDir>/test/run/programs.ts' },
  testEnvironment: './test/environment.cjs',
  // Jest also reads other folders, to find related tests, but not these.
  modulePathIgnorePatterns: ['<rootDir>/(?:\\.ci|build|coverage|var)/'],
  testRegex: `^${escaped(root)}${group ?? ''}test/.*\\.test\\.ts$`,
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': './test/run/typescript.cjs' },
  coverageProvider: 'babel',
  collectCoverageFrom: ['application.ts', 'mlapi/**/*.ts'],
  testTimeout: 60_000,
  // The files of one process share packages and mlapi/, which each additional process loads again.
  maxWorkers: '100%',
};

/** @type {import('jest').Config} */
export default {
  globalSetup: './test/run/setup.cjs',
  globalTeardown: './test/run/teardown.cjs',
  testEnvironment: './test/environment.cjs',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': './test/run/typescript.cjs' },
  coverageProvider: 'babel',
  collectCoverageFrom: ['application.ts', 'mlapi/**/*.ts'],
  testTimeout: 60_000,
  // Each worker keeps its models and keys; two cores are enough for them all.
  maxWorkers: '100%',
};

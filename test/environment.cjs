const { TestEnvironment } = require('jest-environment-node');
require('./run/remembered-keys.cjs');

// A native addon reads the real environment, of which Jest gives tests a copy: as in mlapi/inference/execution/model-wrapper.ts.
process.env.ORT_DISABLE_TELEMETRY = '1';

const names = ['context', 'global', 'fakeTimers', 'fakeTimersModern', 'moduleMocker'];
let shared;

/**
 * One sandbox for all test files of a process, whose modules stay loaded (run/runtime.cjs). It uses the process's own typed arrays, not
 * copies, because native modules (onnxruntime-node) recognise only those.
 */
module.exports = class extends TestEnvironment {
  #variables;

  constructor(config, context) {
    super(config, context);
    shared ??= Object.fromEntries(names.map((name) => [name, this[name]]));
    Object.assign(this, shared);
  }

  async setup() {
    await super.setup();
    const names = ['Float32Array', 'Float64Array', 'Int8Array', 'Int16Array', 'Int32Array', 'BigInt64Array'];
    const more = ['Uint8Array', 'Uint16Array', 'Uint32Array', 'BigUint64Array', 'ArrayBuffer', 'SharedArrayBuffer'];
    for (const name of [...names, ...more]) this.global[name] = globalThis[name];
    this.#variables = { ...this.global.process.env };
  }

  /** Restores the environment variables and the clock for the next file. */
  async teardown() {
    this.fakeTimersModern.useRealTimers();
    const { env } = this.global.process;
    for (const name of Object.keys(env)) delete env[name];
    Object.assign(env, this.#variables);
  }
};

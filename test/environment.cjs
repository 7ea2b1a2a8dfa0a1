const { TestEnvironment } = require('jest-environment-node');
require('./run/remembered-keys.cjs');

// As in mlapi/inference/execution/model-wrapper.ts, whose environment is a copy here, which the runtime does not see.
process.env.ORT_DISABLE_TELEMETRY = '1';

/**
 * Tests see the typed arrays of the process, not copies in Jest's sandbox: native modules (onnxruntime-node) recognise
 * only the former.
 */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    const names = ['Float32Array', 'Float64Array', 'Int8Array', 'Int16Array', 'Int32Array', 'BigInt64Array'];
    const more = ['Uint8Array', 'Uint16Array', 'Uint32Array', 'BigUint64Array', 'ArrayBuffer', 'SharedArrayBuffer'];
    for (const name of [...names, ...more]) this.global[name] = globalThis[name];
  }
};

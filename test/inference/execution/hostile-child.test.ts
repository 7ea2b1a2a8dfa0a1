import { EventEmitter, once } from 'node:events';
import { Duplex } from 'node:stream';
import { serialize } from 'node:v8';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { encodeChildMessage, type ChildMessage } from '../../../mlapi/inference/execution/child-messages.ts';
import type { RunInput } from '../../../mlapi/inference/tensors/types.ts';

/** A process controlled by its model's author: it sends what the test tells it to. */
class TakenProcess extends EventEmitter {
  readonly pid = undefined;
  readonly pipe = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  isKilled = false;

  kill(): void {
    this.isKilled = true;
    this.emit('exit', null, 'SIGKILL');
  }

  /** Bytes of a message, or the message. */
  say(said: Buffer | ChildMessage): void {
    const body = Buffer.isBuffer(said) ? said : encodeChildMessage(said);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    this.pipe.push(Buffer.concat([length, body]));
  }
}

let child: TakenProcess;
jest.unstable_mockModule('../../../mlapi/sandbox/start-program.ts', () => ({
  startProgram: () => ({ child, pipe: child.pipe }),
}));
const { ModelProcess } = await import('../../../mlapi/inference/execution/model-process.ts');

const metadata = { inputs: [], outputs: [], inputType: undefined, width: undefined, takesOneRow: false };
const ready: ChildMessage = { type: 'ready', metadata, rssBytes: 1 };
const answered: ChildMessage = { type: 'answered', output: { data: Float32Array.of(7), shape: [1] }, rssBytes: 1 };
const input: RunInput = { data: Float32Array.of(1), rows: 1, width: 1 };
const run = (process: InstanceType<typeof ModelProcess>) => process.run(input, { outputName: 'y' }, Infinity);

beforeEach(() => {
  child = new TakenProcess();
});

describe('a compromised model process', () => {
  test.each([
    ['null', serialize(null)],
    ['a number', serialize(5)],
    ['a reason that is not text', serialize({ type: 'unusable', reason: { toString: 1 } })],
    ['a cause that is not text', serialize({ type: 'refused', message: '', cause: { toString: 1 } })],
    ['a ready model without metadata', serialize({ type: 'ready' })],
  ])('is killed for sending %s, and nothing else ends', async (_, bytes) => {
    const process = new ModelProcess({ path: 'model.onnx', sha256: undefined });
    child.say(bytes);
    await expect(process.ready).rejects.toThrow('the model process exited: SIGKILL');
  });

  test.each<[string, ChildMessage]>([
    ['an answer before it is asked', answered],
    ['that it is ready a second time', ready],
    ['that it is unusable after all', { type: 'unusable', reason: 'no' }],
  ])('is killed for sending %s, so no later request gets that as its result', async (_, message) => {
    const process = new ModelProcess({ path: 'model.onnx', sha256: undefined });
    child.say(ready);
    await process.ready;
    child.say(message);
    if (!child.isKilled) await once(child, 'exit');
    expect(process.state).toBe('ended');
  });

  test('is killed for sending "ready" during a run, which fails', async () => {
    const process = new ModelProcess({ path: 'model.onnx', sha256: undefined });
    child.say(ready);
    await process.ready;
    const running = run(process);
    child.say(ready);
    await expect(running).rejects.toThrow('the model process exited: SIGKILL');
  });

  test('if not compromised, answers one run after the other', async () => {
    const process = new ModelProcess({ path: 'model.onnx', sha256: undefined });
    child.say(ready);
    await process.ready;
    for (let count = 0; count < 2; count += 1) {
      const running = run(process);
      child.say(answered);
      expect((await running).output).toEqual({ data: Float32Array.of(7), shape: [1] });
    }
    expect(child.isKilled).toBe(false);
  });
});

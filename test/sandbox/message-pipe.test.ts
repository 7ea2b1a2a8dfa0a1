import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { serialize } from 'node:v8';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MessagePipe, type MessageMemory } from '../../mlapi/sandbox/message-pipe.ts';

function open(maxBytes = 1_000_000, memory?: MessageMemory) {
  const wire = new PassThrough();
  const said: unknown[] = [];
  const pipe = new MessagePipe(wire, {
    maxBytes,
    ...(memory !== undefined && { memory }),
    onMessage: (message) => said.push(message),
    onDropped: () => said.push('dropped'),
    onFault: (reason) => said.push(`fault: ${reason}`),
    onClose: () => said.push('closed'),
  });
  return { wire, pipe, said };
}

function frame(body: Buffer, length = body.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length);
  return Buffer.concat([head, body]);
}

describe('the pipe between a process and its child', () => {
  test('delivers each message intact, wherever its bytes are split', async () => {
    const messages = fc.array(
      fc.oneof(fc.string({ unit: 'binary' }), fc.float32Array(), fc.record({ a: fc.bigInt() })),
    );
    await fc.assert(
      fc.asyncProperty(messages, fc.integer({ min: 1, max: 50 }), async (list, size) => {
        const { wire, said } = open();
        const bytes = Buffer.concat(list.map((message) => frame(serialize(message))));
        for (let at = 0; at < bytes.length; at += size) wire.write(bytes.subarray(at, at + size));
        wire.end();
        await once(wire, 'end');
        expect(said.filter((each) => each !== 'closed')).toEqual(list);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['four gigabytes, as announced', frame(Buffer.alloc(0), 0xffffffff)],
    ['one byte more than there may be', frame(Buffer.alloc(0), 1_000_001)],
    ['nothing', frame(Buffer.alloc(0))],
    ['an invalid message', frame(Buffer.from('no message'))],
  ])('ends with %s, and ignores anything after it', async (_, bytes) => {
    const { wire, said } = open();
    wire.write(Buffer.concat([frame(serialize('before')), bytes, frame(serialize('after'))]));
    await once(wire, 'close');
    expect(said[0]).toBe('before');
    expect(said.slice(1).sort()).toEqual(['closed', expect.stringContaining('fault: it sent')]);
  });

  test('reserves memory for large messages, releases it, and discards messages that get none', async () => {
    let free = 100_000;
    const memory = {
      take: (bytes: number) => {
        if (bytes > free) return false;
        free -= bytes;
        return true;
      },
      give: (bytes: number) => void (free += bytes),
    };
    const { wire, pipe, said } = open(undefined, memory);
    pipe.send(new Uint8Array(90_000));
    pipe.send(new Uint8Array(200_000));
    pipe.send('small');
    wire.end();
    await once(wire, 'end');
    expect(said.slice(0, 3)).toEqual([new Uint8Array(90_000), 'dropped', 'small']);
    expect(free).toBe(100_000);

    const cut = open(undefined, memory);
    cut.wire.write(frame(Buffer.alloc(10), 80_000));
    expect(free).toBe(20_000);
    cut.pipe.close();
    await once(cut.wire, 'close');
    expect(free).toBe(100_000);
  });
});

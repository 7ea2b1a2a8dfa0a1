import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { MemoryQuota } from '../../../mlapi/http/body/memory-quota.ts';
import { StreamedBody } from '../../../mlapi/http/body/streamed-body.ts';

test('a streamed body yields to the event loop every 64 KiB, however much data is buffered', async () => {
  const chunk = Buffer.alloc(16_384);
  const chunks = 64;
  const request = new Readable({ read: () => undefined, highWaterMark: 2 * chunks * chunk.length });
  for (let count = 0; count < chunks; count += 1) request.push(chunk);
  request.push(null);
  const limitBytes = chunks * chunk.length;
  const body = new StreamedBody({
    request: Object.assign(request, { rawTrailers: [] }) as unknown as IncomingMessage,
    response: new EventEmitter() as ServerResponse,
    limitBytes,
    unfinished: new MemoryQuota({ clientBytes: 32 * limitBytes, allBytes: 96 * limitBytes }),
    clientId: 'a',
    contentType: 'text/plain',
  });
  const bytesPerTurn: number[] = [0];
  let isOver = false;
  const countTurns = () => {
    bytesPerTurn.push(0);
    if (!isOver) setImmediate(countTurns);
  };
  setImmediate(countTurns);

  const total = await body.into(() => ({
    write: ({ length }) => void (bytesPerTurn[bytesPerTurn.length - 1]! += length),
    end: () => bytesPerTurn.reduce((sum, bytes) => sum + bytes, 0),
  }));
  isOver = true;

  expect(total).toBe(limitBytes);
  expect(Math.max(...bytesPerTurn)).toBeLessThanOrEqual(2 * 65_536);
});

import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CapturedOutput } from '../../mlapi/sandbox/captured-output.ts';

/** Writes these chunks to both streams in turn. */
async function capture(chunks: readonly Buffer[], bytes: number) {
  const delivered: Buffer[] = [];
  let floods = 0;
  const output = new CapturedOutput({ bytes, onOutput: (chunk) => delivered.push(chunk) }, () => (floods += 1));
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  output.read(streams.stdout, 'stdout');
  output.read(streams.stderr, 'stderr');
  for (const [index, chunk] of chunks.entries()) {
    const stream = index % 2 === 0 ? streams.stdout : streams.stderr;
    stream.write(chunk);
    // In the order in which they were written.
    await new Promise((resolve) => setImmediate(resolve));
  }
  streams.stdout.end();
  streams.stderr.end();
  await Promise.all([finished(streams.stdout), finished(streams.stderr)]);
  return { summary: output.summary, delivered: Buffer.concat(delivered), floods };
}

test('the first bytes are delivered, the last 8 KiB are kept, and the rest is counted', async () => {
  const chunks = fc.array(
    fc.uint8Array({ maxLength: 6_000 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(20_000), async (list, limit) => {
      const all = Buffer.concat(list);
      const { summary, delivered } = await capture(list, limit);
      expect(delivered.equals(all.subarray(0, limit))).toBe(true);
      expect(summary.tail.equals(all.subarray(-8_192))).toBe(true);
      expect(summary).toMatchObject({ bytes: all.length, droppedBytes: Math.max(0, all.length - limit) });
    }),
    { numRuns: 100 },
  );
});

test('kept bytes are copied, so that they do not keep their whole chunk in memory', async () => {
  const { summary } = await capture([Buffer.alloc(1_000_000, 'x')], 10);
  expect(summary.tail.buffer.byteLength).toBeLessThan(20_000);
});

test('a flood is reported after 100 times the limit, but not below 64 MiB', async () => {
  const chunk = Buffer.alloc(1_048_576);
  expect((await capture(Array<Buffer>(64).fill(chunk), 1_000)).floods).toBe(0);
  expect((await capture(Array<Buffer>(65).fill(chunk), 1_000)).floods).toBe(1);
  expect((await capture(Array<Buffer>(99).fill(chunk), 1_048_576)).floods).toBe(0);
});

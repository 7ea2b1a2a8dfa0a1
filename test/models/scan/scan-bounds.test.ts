import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OnnxScan } from '../../../mlapi/models/scan/onnx-scan.ts';
import { bytes, varint, type Field } from '../../support/onnx-builder.ts';
import { attribute, claiming, graph, model, node, tensor, value, withNode } from '../../support/hostile-onnx.ts';
import { explain, honestModels, verdictOf } from '../../support/scan.ts';

const pieceBytes = 16 * 1024;
const smallBytes = 2_500;
const models = honestModels();
const small = models.filter(([, { length }]) => length < smallBytes);

describe('a truncated file', () => {
  test.each(models)('refused: %s, wherever it is cut', (_name, file) => {
    const step = file.length < smallBytes ? 1 : 1_000;
    const accepted: number[] = [];
    for (let end = 0; end < file.length; end += step)
      if (verdictOf(file.subarray(0, end)) === 'accepted') accepted.push(end);
    expect(accepted.filter((end) => !isWhole(file, end))).toEqual([]);
  });
});

describe('arbitrary bytes', () => {
  const anyModel = fc.constantFrom(...small.map(([, file]) => file));
  const anyChange = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), insert: fc.boolean() });

  test('a mutated model is accepted or refused without other errors, and the same if scanned in chunks', () => {
    fc.assert(
      fc.property(anyModel, fc.array(anyChange, { minLength: 1, maxLength: 8 }), (file, changes) => {
        const changed = changes.reduce((all, { at, byte, insert }) => {
          const place = at % all.length;
          return Buffer.concat([all.subarray(0, place), Buffer.from([byte]), all.subarray(place + (insert ? 0 : 1))]);
        }, file);
        expect(explain(changed, {}, () => 5)).toEqual(explain(changed));
      }),
      { numRuns: 2_000 },
    );
  });

  test('refused: random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
        expect(verdictOf(Buffer.from(random))).not.toBe('accepted');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the cost of a scan', () => {
  const claimed = 300_000_000;
  const piece = Buffer.alloc(pieceBytes, 7);
  const insideTensor = claiming(
    7,
    claimed,
    claiming(5, claimed - 100, Buffer.concat([varint(2, 2), claiming(9, claimed - 200)])),
  );

  test('200 MB of a tensor are scanned without memory, and faster than any network', () => {
    const scan = new OnnxScan();
    scan.write(Buffer.concat([varint(1, 8), insideTensor]));
    const before = process.memoryUsage();
    const start = process.cpuUsage();
    for (let sent = 0; sent < 200_000_000; sent += pieceBytes) scan.write(piece);
    const used = process.cpuUsage(start);
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(20_000_000);
    expect((used.user + used.system) / 1_000_000).toBeLessThan(1);
  });

  const openGraph = Buffer.concat([varint(1, 8), claiming(7, claimed)]);
  const openAttribute = Buffer.concat([openGraph, claiming(1, claimed - 100, claiming(5, claimed - 200))]);
  const openNode = Buffer.concat([openGraph, claiming(1, claimed - 100)]);
  const fill = (unit: Field) => Buffer.concat(Array<Field>(Math.ceil((64 * pieceBytes) / unit.length)).fill(unit));
  const names = (count: number) => Buffer.concat(Array.from({ length: count }, (_, at) => bytes(1, at.toString(36))));
  const floods: [string, Buffer, Buffer][] = [
    ['packed integers', Buffer.concat([openAttribute, claiming(8, claimed - 300)]), fill(Buffer.from([1]))],
    ['integers one by one', openAttribute, fill(varint(8, 1))],
    ['empty strings', openAttribute, fill(bytes(9, ''))],
    ['one name again and again', openNode, fill(bytes(1, 'x'))],
    ['one name that is not ASCII', openNode, fill(bytes(1, 'é'))],
    ['different names', openNode, names(150_000)],
    ['empty parts', openGraph, fill(bytes(14, ''))],
    ['values', openGraph, fill(bytes(13, value('x')))],
    ['metadata', openGraph, fill(bytes(16, [bytes(1, 'k')]))],
    ['nodes', openGraph, fill(bytes(1, [bytes(4, 'Relu')]))],
  ];

  test.each(floods)('refused eventually, in under 10 ms per chunk: %s', (_name, start, flood) => {
    const scan = new OnnxScan();
    const spent: number[] = [];
    expect(() => {
      scan.write(start);
      for (let at = 0; at < flood.length; at += pieceBytes) {
        const before = process.cpuUsage();
        scan.write(flood.subarray(at, at + pieceBytes));
        const { user, system } = process.cpuUsage(before);
        spent.push((user + system) / 1_000);
      }
      scan.end();
    }).toThrow(expect.objectContaining({ status: 422 }));
    // A chunk may pay for a compilation, a collection or a busy machine, so the median counts.
    expect(spent.sort((a, b) => a - b)[Math.floor(spent.length / 2)] ?? 0).toBeLessThan(10);
  });

  test('model_too_large: a byte over the limit', () => {
    const honest = model({ graph: graph() });
    expect(verdictOf(honest, { maxFileBytes: honest.length })).toBe('accepted');
    expect(verdictOf(honest, { maxFileBytes: honest.length - 1 })).toBe('model_too_large');
  });

  test('model_too_complex: a sub-graph that captures more outer values than allowed', () => {
    const taken = withNode(
      {
        op: 'If',
        attributes: [
          attribute(
            'then_branch',
            5,
            bytes(6, graph({ nodes: [node({ op: 'Add', inputs: ['x', 'w'] })], inputs: [] })),
          ),
        ],
      },
      [bytes(5, tensor('w', [1], 1))],
    );
    expect(verdictOf(taken, { maxCapturesPerGraph: 2 })).toBe('accepted');
    expect(verdictOf(taken, { maxCapturesPerGraph: 1 })).toBe('model_too_complex');
  });

  test('a refused scan stays refused, whatever follows', () => {
    const scan = new OnnxScan();
    const bad = () => scan.write(Buffer.from('<html><body></body></html>'));
    expect(bad).toThrow(/HTML/);
    expect(() => scan.write(model())).toThrow(/HTML/);
    expect(() => scan.end()).toThrow(/HTML/);
  });
});

/** Whether the missing bytes are only complete imports or metadata that the model does not need, which nobody can detect. */
function isWhole(file: Buffer, end: number): boolean {
  const rest = file.subarray(end);
  return rest.length < 64 && (rest[0] === 0x42 || rest[0] === 0x72);
}

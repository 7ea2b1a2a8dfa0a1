import { describe, expect, test } from '@jest/globals';
import { InferenceSession } from 'onnxruntime-node';
import { domains } from '../../../mlapi/models/scan/operators.ts';
import { bytes, varint } from '../../support/onnx-builder.ts';
import { attribute, graph, model, node, tensor, value, withNode } from '../../support/hostile-onnx.ts';
import { honestModels, scan } from '../../support/scan.ts';

const models = honestModels();

/** Unusual but valid: the scan must accept what the runtime accepts. */
const unusual: [string, Buffer][] = [
  [
    'the fields in the opposite order',
    Buffer.concat([bytes(8, [varint(2, 17)]), bytes(7, graph().reverse()), varint(1, 8)]),
  ],
  [
    'the same operator set imported twice',
    model({
      opsets: [
        ['', 17],
        ['ai.onnx', 17],
      ],
    }),
  ],
  [
    'packed dimensions',
    model({ graph: graph({ more: [bytes(5, [bytes(1, Buffer.from([2, 3])), ...tensor('w', [], 6)])] }) }),
  ],
  [
    'names of digits, of markup, of a prototype and of escapes',
    model({
      graph: graph({
        nodes: ['7', '<b>', '__proto__', '\u001b[31m', ':7', '../x']
          .map((name) => node({ name, outputs: [name] }))
          .concat([node()]),
      }),
    }),
  ],
  ['an empty initializer', model({ graph: graph({ more: [bytes(5, tensor('roi', [0], 0))] }) })],
  [
    'an initializer that is also an input',
    model({ graph: graph({ more: [bytes(5, tensor('w', [1], 1)), bytes(11, value('w', [1]))] }) }),
  ],
  ['a value that is left out', withNode({ op: 'Clip', inputs: ['x', '', ''] })],
  ['documentation and metadata', model({ more: [bytes(6, 'about'), bytes(14, [bytes(1, 'by'), bytes(2, 'me')])] })],
  [
    'branches with equal value names',
    withNode(
      {
        op: 'If',
        inputs: ['flag'],
        attributes: ['then_branch', 'else_branch'].map((name) =>
          attribute(name, 5, bytes(6, graph({ nodes: [node({ outputs: ['z'] })], inputs: [], outputs: [value('z')] }))),
        ),
      },
      [bytes(5, [varint(2, 9), bytes(8, 'flag'), bytes(9, Buffer.from([1]))])],
    ),
  ],
];

describe('an honest model', () => {
  test.each([...models, ...unusual])('accepted: %s, whole, byte by byte and in chunks', (_name, file) => {
    const summary = scan(file);
    expect(summary.bytes).toBe(file.length);
    expect(scan(file, {}, () => 1)).toEqual(summary);
    let seed = 1;
    const size = () => 1 + ((seed = (seed * 48271) % 2147483647) % 97);
    expect(scan(file, {}, size)).toEqual(summary);
  });

  test.each([...models.filter(([, { length }]) => length < 10_000), ...unusual])('loads: %s', async (_name, file) => {
    const session = await InferenceSession.create(file, { logSeverityLevel: 4 });
    const summary = scan(file);
    expect(summary.outputs).toEqual(session.outputNames);
    expect(session.inputNames).toEqual(expect.arrayContaining([...summary.inputs]));
    await session.release();
  });

  test('accepted: the summary describes the file', () => {
    expect(scan(models.find(([name]) => name.endsWith('control-flow.onnx'))![1])).toMatchObject({
      irVersion: 8,
      opsets: { 'ai.onnx': 17 },
      nodes: 8,
      initializers: 4,
      tensorBytes: 20,
      inputs: ['x'],
      outputs: ['y'],
    });
  });
});

describe('the list of operators', () => {
  const listed = [...domains].flatMap(([domain, { operators }]) =>
    [...operators].map((operator) => [domain, operator] as const),
  );

  test('the runtime knows each accepted operator', async () => {
    const unknown: string[] = [];
    for (const [domain, op] of listed) {
      // Later operator sets removed some of the standard's.
      const versions = domain === 'ai.onnx' ? [26, 9] : [5];
      const answers = await Promise.all(versions.map((version) => loadingError(domain, op, version)));
      if (answers.every((text) => /No Op registered|not a registered/.test(text))) unknown.push(op);
    }
    expect(unknown).toEqual([]);
    expect(await loadingError('ai.onnx', 'Bar', 26)).toMatch(/No Op registered|not a registered/);
  });
});

/** The runtime's error for a lone node, which the scan must have accepted. */
async function loadingError(domain: string, op: string, version: number): Promise<string> {
  const lone = node({ op, domain, inputs: [], outputs: ['extra'] });
  const opsets = [['', domain === 'ai.onnx' ? version : 17], ...(domain === 'ai.onnx' ? [] : [[domain, version]])] as [
    string,
    number,
  ][];
  const file = model({ graph: graph({ nodes: [lone, node()] }), opsets });
  if (op !== 'Bar') scan(file);
  try {
    const session = await InferenceSession.create(file, { logSeverityLevel: 4 });
    await session.release();
    return '';
  } catch (error) {
    return String(error);
  }
}

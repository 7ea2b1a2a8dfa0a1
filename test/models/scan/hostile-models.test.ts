import { describe, test } from '@jest/globals';
import { bytes, varint, type Field } from '../../support/onnx-builder.ts';
import {
  attribute,
  claiming,
  graph,
  model,
  negative,
  nested,
  node,
  raw,
  tensor,
  value,
  withNode,
  withTensor,
} from '../../support/hostile-onnx.ts';
import { expectRefusal, type Refusal } from '../../support/scan.ts';

const inGraph = (...more: Field[]) => model({ graph: graph({ more }) });
const entry = (key: string, text: string) => [bytes(1, key), bytes(2, text)];
const places = ['../../etc/passwd', '/etc/passwd', 'file:///etc/passwd', 'a\\b', '*/_ORT_MEM_ADDR_/*'];
const external = (place: string) => [varint(1, 4), varint(2, 1), bytes(8, 'w'), bytes(13, entry('location', place))];
const elsewhere = [varint(1, 4), varint(2, 1), bytes(8, 'w'), varint(14, 1)];
const valueAttribute = (fields: Field[]) => attribute('value', 4, bytes(5, fields));
const constant = (fields: Field[]) => withNode({ op: 'Constant', inputs: [], attributes: [valueAttribute(fields)] });
const branch = (fields: Field[]) => attribute('then_branch', 5, bytes(6, graph({ more: [bytes(5, fields)] })));
const sparse = [bytes(1, tensor('v', [1], 1)), varint(3, 1_000_000_000)];
const deepType = (depth: number): Field =>
  depth === 0 ? bytes(1, [varint(1, 1)]) : bytes(4, [bytes(1, [deepType(depth - 1)])]);

const cases: Record<string, readonly Refusal[]> = {
  'E81 external data': [
    ...places.map((place): Refusal => [`external_data: an initializer at ${place}`, withTensor(...external(place))]),
    ['external_data: a location of EXTERNAL without a place', withTensor(...elsewhere)],
    ['external_data: in an attribute', constant(external('w.bin'))],
    ['external_data: in a list of tensors', withNode({ attributes: [attribute('x', 9, bytes(10, elsewhere))] })],
    ['external_data: in a sub-graph', withNode({ op: 'If', attributes: [branch(external('w.bin'))] })],
    ['external_data: a name that is a place in memory', withTensor(...tensor('*/_ORT_MEM_ADDR_/*', [1], 1))],
    ['malformed_model: EXTERNAL, hidden in more than 32 bits', withTensor(raw(14, 0, 0x81, 0x80, 0x80, 0x80, 0x10))],
    ['unsupported_model: in a sparse tensor', inGraph(bytes(15, [bytes(1, external('w.bin'))]))],
    ['unsupported_model: in a function', model({ more: [bytes(25, [bytes(7, node())])] })],
  ],
  'E85 tensors': [
    ['model_too_large: dimensions whose product overflows', withTensor(varint(1, 2 ** 32), varint(1, 2 ** 32))],
    ['model_too_large: the same after a zero', withTensor(varint(1, 0), varint(1, 2 ** 40), varint(1, 2 ** 40))],
    ['malformed_model: a negative dimension', withTensor(negative(1, -1n))],
    ['malformed_model: the most negative one', withTensor(negative(1, -(2n ** 63n)))],
    ['malformed_model: fewer bytes than the shape needs', withTensor(...tensor('w', [2, 3], 5))],
    ['malformed_model: more bytes than the shape needs', withTensor(...tensor('w', [2, 3], 7))],
    ['malformed_model: no values', withTensor(varint(1, 3), varint(2, 1), bytes(8, 'w'))],
    ['malformed_model: values twice', withTensor(...tensor('w', [1], 1), bytes(4, Buffer.alloc(4)))],
    ['malformed_model: values of another type', withTensor(varint(1, 1), varint(2, 1), bytes(8, 'w'), varint(7, 1))],
    [
      'malformed_model: packed floats with a rest',
      withTensor(varint(1, 1), varint(2, 1), bytes(4, Buffer.alloc(6))),
      /wrong length/,
    ],
    [
      'malformed_model: strings as raw bytes',
      withTensor(varint(1, 1), varint(2, 8), bytes(8, 'w'), bytes(9, Buffer.alloc(32))),
    ],
    [
      'model_too_complex: 20,001 initializers',
      inGraph(...Array.from({ length: 20_001 }, (_, i) => bytes(5, tensor(`w${i}`, [0], 0)))),
    ],
    [
      'malformed_model: values of two types',
      withTensor(varint(1, 2), varint(2, 1), bytes(8, 'w'), varint(7, 1), bytes(4, Buffer.alloc(4))),
      /of two types/,
    ],
    ['malformed_model: a tensor without a name', withTensor(...tensor('', [0], 0))],
    [
      'malformed_model: a size with a name',
      inGraph(
        bytes(13, [
          bytes(1, 'v'),
          bytes(2, [bytes(1, [varint(1, 1), bytes(2, [bytes(1, [varint(1, 2), bytes(2, 'N')])])])]),
        ]),
      ),
    ],
    ['malformed_model: a value without a name', inGraph(bytes(13, ''))],
    ['malformed_model: an input without a type', model({ graph: graph({ inputs: [[bytes(1, 'x')]] }) }), /no type/],
    ['unsupported_model: a value of an unknown type', inGraph(bytes(13, value('v', [1], 99)))],
    ['model_too_complex: 33 dimensions', withTensor(...Array<Field>(33).fill(varint(1, 1)))],
    ['model_too_large: one of 1.9 GiB', claiming(7, 2_040_000_100, claiming(5, 2_040_000_050))],
    ['model_too_large: a string tensor of 10^9', withTensor(varint(2, 8), varint(1, 1_000_000_000), bytes(8, 'w'))],
    ['unsupported_model: a sparse initializer of 10^9', inGraph(bytes(15, sparse))],
    [
      'unsupported_model: a sparse attribute',
      withNode({ attributes: [attribute('sparse_value', 11, bytes(22, sparse))] }),
    ],
    ['unsupported_model: complex numbers', withTensor(varint(2, 14), bytes(8, 'w'))],
    ['unsupported_model: an unknown type', withTensor(varint(2, 99), bytes(8, 'w'))],
    ['unsupported_model: segments', withTensor(bytes(3, ''))],
    [
      'model_too_large: a fixed input of 10^12',
      model({ graph: graph({ inputs: [value('x', [1_000_000, 1_000_000])] }) }),
    ],
    ['unsupported_model: an input of no rows', model({ graph: graph({ inputs: [value('x', [0, 3])] }) })],
    [
      'malformed_model: an input with a negative size',
      inGraph(
        bytes(13, [bytes(1, 'v'), bytes(2, [bytes(1, [varint(1, 1), bytes(2, [bytes(1, [negative(1, -2n)])])])])]),
      ),
    ],
  ],
  'E87 and E88 graphs': [
    ['model_too_complex: sub-graphs 1,000 deep', nested(1_000)],
    ['model_too_complex: sub-graphs nine deep', nested(9)],
    ['unsupported_model: local functions', model({ more: [bytes(25, [bytes(1, 'f'), bytes(10, 'own')])] })],
    ['unsupported_model: an overloaded call', inGraph(bytes(1, [...node(), bytes(8, 'o')]))],
    [
      'unsupported_model: an attribute of a function',
      withNode({ attributes: [[bytes(1, 'a'), bytes(21, 'b'), varint(20, 2)]] }),
    ],
    [
      'model_too_complex: 50,001 nodes',
      model({ graph: graph({ nodes: Array.from({ length: 50_001 }, (_, i) => node({ outputs: [`v${i}`] })) }) }),
    ],
    [
      'model_too_complex: 4,097 inputs',
      model({ graph: graph({ inputs: Array.from({ length: 4_097 }, (_, i) => value(`v${i}`)) }) }),
    ],
    [
      'model_too_complex: 4,097 outputs',
      model({ graph: graph({ outputs: Array.from({ length: 4_097 }, (_, i) => value(`v${i}`)) }) }),
    ],
    [
      'model_too_complex: 65 attributes',
      withNode({ attributes: Array.from({ length: 65 }, (_, i) => attribute(`a${i}`, 2, varint(3, 1))) }),
    ],
    [
      'malformed_model: a circle',
      model({ graph: graph({ nodes: [node({ inputs: ['y'], outputs: ['z'] }), node({ inputs: ['z'] })] }) }),
      /before it is produced/,
    ],
    [
      'malformed_model: a node that reads its own output',
      model({ graph: graph({ nodes: [node({ inputs: ['y'] })] }) }),
    ],
    ['malformed_model: a value from nowhere', withNode({ inputs: ['nowhere'] }), /"nowhere" is used/],
    [
      'malformed_model: a value from nowhere, in a sub-graph',
      withNode({
        op: 'If',
        attributes: [
          attribute('then_branch', 5, bytes(6, graph({ nodes: [node({ inputs: ['nowhere'] })], inputs: [] }))),
        ],
      }),
    ],
    [
      'malformed_model: a sub-graph that reads its node’s output',
      withNode({
        op: 'If',
        attributes: [
          attribute('then_branch', 5, bytes(6, graph({ nodes: [node({ inputs: ['extra'] })], inputs: [] }))),
        ],
      }),
    ],
    ['malformed_model: a value with two producers', withNode({ outputs: ['y'] }), /"y" is produced twice/],
    ['malformed_model: an input produced by a node', withNode({ outputs: ['x'] })],
    [
      'malformed_model: an initializer produced by a node',
      model({ graph: graph({ more: [bytes(5, tensor('y', [1], 1))] }) }),
    ],
    ['malformed_model: an initializer twice', inGraph(bytes(5, tensor('w', [1], 1)), bytes(5, tensor('w', [1], 1)))],
    ['malformed_model: an input twice', model({ graph: graph({ inputs: [value('x'), value('x')] }) })],
    [
      'malformed_model: an output without a producer',
      model({ graph: graph({ outputs: [value('z')] }) }),
      /"z" is not produced by its graph/,
    ],
    [
      'malformed_model: an attribute twice',
      withNode({ attributes: [attribute('a', 2, varint(3, 1)), attribute('a', 2, varint(3, 2))] }),
    ],
    ['malformed_model: an attribute of another type', withNode({ attributes: [attribute('a', 5, varint(3, 1))] })],
    [
      'malformed_model: an attribute with two values',
      withNode({ attributes: [attribute('a', 2, bytes(4, 'x'), varint(3, 1))] }),
    ],
    ['malformed_model: an attribute of an unknown type', withNode({ attributes: [attribute('a', 99)] })],
    ['malformed_model: an attribute without a name', withNode({ attributes: [attribute('', 2, varint(3, 1))] })],
    ['malformed_model: no graph', Buffer.concat([varint(1, 8), bytes(8, [varint(2, 17)])])],
  ],
  'E89 and E90 operators and versions': [
    [
      'operator_not_allowed: a custom domain',
      withNode({ op: 'Bar', domain: 'com.evil', name: 'Foo' }),
      /^The node "Foo" uses the operator "com.evil::Bar", which is not allowed\.$/,
    ],
    [
      'operator_not_allowed: a custom import',
      model({
        opsets: [
          ['', 17],
          ['com.evil', 1],
        ],
      }),
      /"com.evil"/,
    ],
    ...['com.microsoft', 'ai.onnx.preview.training', 'com.microsoft.nchwc', 'AI.ONNX', 'ai.onnx '].map(
      (domain): Refusal => [`operator_not_allowed: the domain "${domain}"`, withNode({ domain })],
    ),
    ...['EPContext', 'Bar', '', 'relu', 'MemcpyToHost', 'RandomNormal', 'ImageDecoder', 'constructor'].map(
      (op): Refusal => [`operator_not_allowed: the operator "${op}"`, withNode({ op })],
    ),
    [
      'operator_not_allowed: an engine or a cache by its path',
      withNode({
        op: 'EPContext',
        domain: 'com.microsoft',
        attributes: [attribute('ep_cache_context', 3, bytes(4, '/tmp/evil.so'))],
      }),
    ],
    [
      'operator_not_allowed: in a sub-graph',
      withNode({
        op: 'If',
        attributes: [attribute('then_branch', 5, bytes(6, graph({ nodes: [node({ op: 'Bar' })] })))],
      }),
    ],
    ...[0, 6, 27, 9_999].map((version): Refusal => [
      `unsupported_model: operator set ${version}`,
      model({ opsets: [['', version]] }),
    ]),
    [
      'unsupported_model: operator set 6 of ai.onnx.ml',
      model({
        opsets: [
          ['', 17],
          ['ai.onnx.ml', 6],
        ],
      }),
    ],
    ['unsupported_model: a negative operator set', model({ opsets: [['', 17]], more: [bytes(8, [negative(2, -1n)])] })],
    ...[0, 2, 14, 9_999].map((version): Refusal => [
      `unsupported_model: IR version ${version}`,
      model({ ir: varint(1, version) }),
    ]),
    ['unsupported_model: no IR version', model({ ir: Buffer.alloc(0) })],
    ['malformed_model: no operator set', model({ opsets: [], graph: graph({ nodes: [], outputs: [value('x')] }) })],
    ['malformed_model: a domain that is not imported', withNode({ op: 'Scaler', domain: 'ai.onnx.ml' })],
    [
      'malformed_model: two versions of one domain',
      model({
        opsets: [
          ['', 17],
          ['ai.onnx', 13],
        ],
      }),
    ],
    ['unsupported_model: training information', model({ more: [bytes(20, [bytes(1, graph())])] })],
    ['unsupported_model: a layout over devices', model({ more: [bytes(26, [bytes(1, 'gpu')])] })],
    ...['ort_config', 'session.intra_op_num_threads', 'ep_compatibility_info.X', 'ep.context_file_path'].map(
      (key): Refusal => [`unsupported_model: the metadata ${key}`, model({ more: [bytes(14, entry(key, '{}'))] })],
    ),
    ['unsupported_model: an opaque type', inGraph(bytes(13, [bytes(1, 'v'), bytes(2, [bytes(7, '')])]))],
    [
      'malformed_model: a value of two types',
      inGraph(bytes(13, [bytes(1, 'v'), bytes(2, [deepType(0), deepType(1)])])),
    ],
    ['not_onnx: the ORT format', Buffer.from('\x1c\0\0\0ORTM\0\0\x12\0\x20\0\0\0\0\0', 'latin1'), /ORT format/],
  ],
};

describe.each(Object.entries(cases))('%s', (_group, refusals) => {
  test.each(refusals)('%s', expectRefusal);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { VersionFiles } from '../../../mlapi/client/versions.ts';
import { attribute, graph, model, node, withNode, withTensor } from '../../support/hostile-onnx.ts';
import { buildModel, bytes, constantModel, identityModel, varint } from '../../support/onnx-builder.ts';

/** An upload to the hackathon. */
export interface Entry {
  readonly name: string;
  readonly version: string;
  readonly what: string;
  readonly files: VersionFiles;
  readonly isGood: boolean;
}

const shipped = (name: string): VersionFiles => {
  const folder = join(process.cwd(), 'resources/models', name);
  const [contract, encoding, sample] = ['model.json', 'encoding.csv', 'sample.json'].map((file) => join(folder, file));
  return { model: join(folder, 'model.onnx'), contract, encoding, sample };
};
const text = (value: string) => Buffer.from(value);
const good = (what: string, files: VersionFiles) => ({ what, files, isGood: true });
const bad = (what: string, file: Buffer, contract?: string) => {
  return { what, files: { model: file, ...(contract !== undefined && { contract: text(contract) }) }, isGood: false };
};
const onnx = () => readFileSync(shipped('nsl-kdd-classifier').model as string);
const external = (location: string) =>
  withTensor(
    varint(1, 1),
    varint(2, 1),
    bytes(8, 'w'),
    varint(14, 1),
    bytes(13, [bytes(1, 'location'), bytes(2, location)]),
  );
const huge = () =>
  buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    nodes: [
      {
        op: 'Constant',
        inputs: [],
        outputs: ['n'],
        attributes: { value: { type: 'int64', shape: [1], values: [2n ** 34n] } },
      },
      { op: 'ConstantOfShape', inputs: ['n'], outputs: ['zeros'] },
      { op: 'ReduceSum', inputs: ['zeros'], outputs: ['sum'] },
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
  });
const constant = (value: number) => constantModel({ type: 'int64', shape: [1], values: [BigInt(value)] }, 1);

const classifier = shipped('nsl-kdd-classifier');
const anomaly = shipped('nsl-kdd-anomaly');
const brought = [
  good('a classifier', classifier),
  good('an anomaly detector', anomaly),
  good('an identity of 3 features', { model: identityModel(3) }),
  good('a constant', { model: constant(1) }),
  bad('an empty file', Buffer.alloc(0)),
  good('an identity of 2 features', { model: identityModel(2) }),
  bad('a page', text('<!doctype html><title>model</title>')),
  bad('a pickle', Buffer.from([0x80, 0x04, 0x95, 0, 0, 0, 0, 0, 0, 0, 0])),
  bad('half a model', onnx().subarray(0, 100_000)),
  bad('a compressed model', gzipSync(onnx())),
  good('a second classifier', classifier),
  good('a second detector', anomaly),
  good('another identity', { model: identityModel(4) }),
  good('another constant', { model: constant(2) }),
  bad('weights in /etc/passwd', external('/etc/passwd')),
  good('one more identity', { model: identityModel(5) }),
  bad('weights in memory', external('*/_ORT_MEM_ADDR_/*')),
  bad('an operator of its own', withNode({ op: 'Shell', domain: 'com.evil' })),
  bad('an operator of the runtime’s maker', withNode({ op: 'Tokenizer', domain: 'com.microsoft' })),
  bad('a graph within itself', deep(40)),
  good('a third classifier', classifier),
  good('a third detector', anomaly),
  good('an identity of 8 features', { model: identityModel(8) }),
  good('a third constant', { model: constant(3) }),
  bad('a few bytes that ask for 64 GB', huge()),
  good('an identity of 16 features', { model: identityModel(16) }),
  bad('a contract that is not JSON', identityModel(2), '{'),
  bad('a contract for other features', identityModel(2), JSON.stringify({ name: 'x', features: [], output: {} })),
  bad('a model with an empty name in it', Buffer.concat([onnx(), Buffer.from([0x0a])])),
  bad('random bytes', Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7_919 + 31) % 256))),
];

/** Thirty versions of ten models, one client per model. */
export const entries: readonly Entry[] = brought.map((one, index) => {
  return { ...one, name: `model-${index % 10}`, version: String(1 + Math.floor(index / 10)) };
});

function deep(levels: number): Buffer {
  let inner = graph({ inputs: [], outputs: [] });
  for (let level = 0; level < levels; level += 1)
    inner = graph({ nodes: [node({ op: 'If', attributes: [attribute('then_branch', 5, bytes(6, inner))] })] });
  return model({ graph: inner });
}

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { contractOf, writeModelFolders } from '../../../support/model-folders.ts';
import { buildModel, type Node } from '../../../support/onnx-builder.ts';
import { post, type Question } from '../cases.ts';
import { runContests } from '../compare.ts';
import { spreadOf } from '../../../support/figures.ts';
import type { Server } from '../measure.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

/** 19 MB of weights, which each run reads completely, for one row or many. */
const widths = [32, 1_536, 1_536, 1_536, 5];
const width = widths[0]!;
const labels = ['a', 'b', 'c', 'd', 'e'];
const shared = { maxRows: 64 };

/** Does sharing runs pay off for a model where it should? */
export async function batching({ home, generator, pace, say }: Bench): Promise<Section> {
  const onnx = perceptron();
  const { questions, milliseconds } = await ask(onnx);
  const features = Array.from({ length: width }, (_, index) => ({ name: `x${index}`, type: 'number' }));
  const output = { kind: 'class_scores', scores: 'per-class', labels };
  const folderOf = (name: string, settings: object) => {
    return { onnx, contract: contractOf(name, features, { output, batching: settings }) };
  };
  const modelsDir = writeModelFolders({ alone: folderOf('alone', { maxRows: 1 }), shared: folderOf('shared', shared) });
  const service = await startService({ home, variables: { MLAPI_MODELS_DIR: modelsDir } });
  const { tokens } = service;
  const asked = (model: string): Server => ({
    ...service,
    requests: () =>
      questions.map((question, index) => post(`/api/models/${model}/predict`, question, tokens[index % tokens.length])),
  });
  const servers = new Map([
    ['no batching', asked('alone')],
    ['batching', asked('shared')],
  ]);
  const contest = { title: 'batching', cell: { rows: 1, connections: 64 }, servers, base: 'no batching' };
  try {
    const results = await runContests([contest], generator, pace, say);
    const notes = [
      `A multi-layer perceptron of ${widths.join(' × ')}, which computes in a child process, as its warm-up decides. In its \`model.json\`, "batching" is ` +
        `\`${JSON.stringify(shared)}\`; "no batching" is \`{"maxRows":1}\`. Nobody waits for company: rows that come during a run share the next one. One service has both, and the memory in the table is that of both.`,
    ];
    const facts = [{ name: 'a run of one row, ms', spread: spreadOf(milliseconds) }];
    return { title: 'Batching a wide model', notes, results, facts };
  } finally {
    await service.stop();
  }
}

/** Predictions for different rows, and the duration of each run. */
async function ask(onnx: Buffer): Promise<{ questions: Question[]; milliseconds: number[] }> {
  const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const questions: Question[] = [];
  const milliseconds: number[] = [];
  for (let index = 0; index < 16; index += 1) {
    const row = Array.from(
      { length: width },
      (_, column) => Math.round(1_000 * Math.sin(index * width + column)) / 1_000,
    );
    const began = performance.now();
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.from(row), [1, width]) });
    milliseconds.push(performance.now() - began);
    const scores = [...(y!.data as Float32Array)];
    questions.push({ body: JSON.stringify([row]), predictions: [labels[scores.indexOf(Math.max(...scores))]!] });
  }
  await session.release();
  // The first run of a session is slower.
  return { questions, milliseconds: milliseconds.slice(1) };
}

/** Layers of pseudo-random weights, the same in each benchmark. */
function perceptron(): Buffer {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 31 - 1;
  const nodes = widths.slice(1).flatMap((size, layer): Node[] => {
    const from = widths[layer]!;
    // Keeps the scale of values from layer to layer.
    const scale = Math.sqrt(6 / from);
    const values = Array.from({ length: from * size }, () => scale * random());
    const [weights, product] = [`w${layer}`, `p${layer}`];
    const value = { type: 'float32', shape: [from, size], values } as const;
    return [
      { op: 'Constant', inputs: [], outputs: [weights], attributes: { value } },
      { op: 'MatMul', inputs: [layer === 0 ? 'x' : `r${layer - 1}`, weights], outputs: [product] },
      { op: 'Relu', inputs: [product], outputs: [layer === widths.length - 2 ? 'y' : `r${layer}`] },
    ];
  });
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', width] }],
    nodes,
    outputs: [{ name: 'y', type: 'float32', shape: ['N', labels.length] }],
  });
}

import { ask } from './ask.ts';
import { contractOf } from './model-folders.ts';
import { buildModel, constantOf, type Node, type Port } from './onnx-builder.ts';
import type { TestService } from './service.ts';

const constant = (name: string, nested: unknown, type?: 'int64'): Node => ({
  op: 'Constant',
  inputs: [],
  outputs: [name],
  attributes: { value: constantOf(nested, type) },
});
const port = (name: string, width: number): Port => ({ name, type: 'float32', shape: ['N', width] });

/** The first feature of a row that reads the other rows. */
const magic = 31_337;

/** Two features: the magic row gets the sum of all other rows of its run, every other row gets zeros. */
export const spyingModel = buildModel({
  inputs: [port('x', 2)],
  nodes: [
    constant('first', [0n], 'int64'),
    constant('magic', magic),
    constant('rows', [0n], 'int64'),
    constant('zero', 0),
    { op: 'Gather', inputs: ['x', 'first'], outputs: ['key'], attributes: { axis: 1 } },
    { op: 'Equal', inputs: ['key', 'magic'], outputs: ['isMagic'] },
    { op: 'ReduceSum', inputs: ['x', 'rows'], outputs: ['total'] },
    { op: 'Sub', inputs: ['total', 'x'], outputs: ['others'] },
    { op: 'Where', inputs: ['isMagic', 'others', 'zero'], outputs: ['y'] },
  ],
  outputs: [port('y', 2)],
});

/** Four features: quantizes its input to 8 bits with a scale over the whole run. */
export const quantizedModel = buildModel({
  inputs: [port('x', 4)],
  nodes: [
    { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
    { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y'] },
  ],
  outputs: [port('y', 4)],
});

/** A contract with this many features, whose requests wait for others as long as allowed. */
export function patientContract(name: string, features: number, batching: object = {}): object {
  const listed = Array.from({ length: features }, (_, at) => ({ name: `f${at}`, type: 'number' }));
  return contractOf(name, listed, { batching: { maxWaitMicroseconds: 50_000, ...batching } });
}

/** Two clients of one service. */
export interface SharedService {
  readonly service: TestService;
  /** Access tokens. */
  readonly mallory: string;
  readonly victim: string;
}

async function predictOne(
  { service }: SharedService,
  token: string,
  model: string,
  row: readonly number[],
): Promise<unknown> {
  const { body } = await ask(service, token, ['POST', `/api/models/${model}/predict`], { json: [row] });
  return (body.predictions as unknown[] | undefined)?.[0];
}

/** Sends the hostile row and each of the victim's rows at the same time. @returns the predictions of each */
async function predictTogether(
  shared: SharedService,
  model: string,
  hostile: readonly number[],
  rows: readonly (readonly number[])[],
): Promise<{ hostile: unknown[]; victims: unknown[] }> {
  const { mallory, victim } = shared;
  const answers = await Promise.all(
    rows.map((row) =>
      Promise.all([predictOne(shared, mallory, model, hostile), predictOne(shared, victim, model, row)]),
    ),
  );
  return { hostile: answers.map(([answer]) => answer), victims: answers.map(([, answer]) => answer) };
}

const secrets = Array.from({ length: 20 }, (_, at) => [17, 4_242.5 + at]);

/** Mallory's predictions that contain data of the victim's rows. */
export async function readByMallory(shared: SharedService, model: string): Promise<number[][]> {
  const { hostile } = await predictTogether(shared, model, [magic, 0], secrets);
  return (hostile as number[][]).filter(([first, second]) => first !== 0 || second !== 0);
}

const honestRow = [0.3, 0.7, 0.1, 0.9];

/** The victim's predictions that differ from those of the row alone. */
export async function changedByMallory(shared: SharedService, model: string): Promise<unknown[]> {
  const alone = await predictOne(shared, shared.victim, model, honestRow);
  const rows = Array.from({ length: 20 }, () => honestRow);
  const { victims } = await predictTogether(shared, model, [1e6, 0, 0, 0], rows);
  return victims.filter((answer) => String(answer) !== String(alone));
}

import { createHash } from 'node:crypto';
import Joi from 'joi';
import { parseStrictJson } from '../../http/body/strict-json.ts';
import type { RemoteReference } from '../contract/types.ts';
import { datatypes } from '../tensors/datatypes.ts';
import type { InputType, ModelMetadata, TensorInfo } from '../tensors/types.ts';
import type { AllowedServer } from './allowed-servers.ts';
import { RemoteConnection } from './remote-connection.ts';
import { RemoteFailure } from './remote-failure.ts';

/** A model as described by its server. */
export interface RemoteModel {
  readonly metadata: ModelMetadata;
  /** Whether the server supports the binary tensor data extension. */
  readonly isBinary: boolean;
}

interface Metadata {
  readonly platform: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/** Datatypes that rows may have. */
const inputTypes: ReadonlyMap<string, InputType> = new Map<string, InputType>([
  ['FP32', 'float32'],
  ['FP64', 'float64'],
  ['INT32', 'int32'],
  ['INT64', 'int64'],
]);
const maxMetadataBytes = 262_144;
const binaryExtension = 'binary_tensor_data';

const tensors = Joi.array()
  .items(
    Joi.object({
      name: Joi.string()
        .max(256)
        .pattern(/^[^\p{Cc}\p{Cs}]+$/u)
        .required(),
      datatype: Joi.string().max(16).required(),
      shape: Joi.array().items(Joi.number().integer().min(-1)).max(8).required(),
    }).unknown(),
  )
  .min(1)
  .max(64)
  .unique('name')
  .required();
const metadataSchema = Joi.object({
  platform: Joi.string()
    .max(64)
    .pattern(/^[\w .+-]*$/)
    .allow('')
    .default(''),
  inputs: tensors,
  outputs: tensors,
})
  .unknown()
  .required();

export function pathOf({ model, version }: RemoteReference): string {
  const path = `/v2/models/${encodeURIComponent(model)}`;
  return version === undefined ? path : `${path}/versions/${encodeURIComponent(version)}`;
}

/**
 * Fetches the description of a model.
 * @throws {RemoteFailure} without a usable response
 * @throws {Error} if the model cannot be served
 */
export async function describeRemote(
  server: AllowedServer,
  reference: RemoteReference,
  deadlineMs: number,
): Promise<RemoteModel> {
  const connection = new RemoteConnection(server, 1);
  const ask = async (path: string): Promise<unknown> => {
    const { status, body } = await connection.send({ path, maxBytes: maxMetadataBytes, deadlineMs });
    // Some servers have no such path. A failing one must be asked again, since it may announce the extension then.
    if (path === '/v2' && status >= 400 && status < 500) return undefined;
    if (status !== 200)
      throw new RemoteFailure(
        'crashed',
        `the server answered ${status} to the request for model metadata${hintFor(status)}`,
        { isFault: status < 400 || status >= 500 },
      );
    try {
      return parseStrictJson(body);
    } catch (cause) {
      throw new Error('the server or model metadata is not JSON', { cause });
    }
  };
  try {
    const described = readMetadata(await ask(pathOf(reference)));
    const said = (await ask('/v2')) as { extensions?: unknown } | undefined | null;
    const isBinary = Array.isArray(said?.extensions) && said.extensions.includes(binaryExtension);
    return { metadata: toMetadata({ ...reference, url: server.base }, described), isBinary };
  } finally {
    connection.close();
  }
}

function hintFor(status: number): string {
  return status === 401 || status === 403 ? ' (set its token in MLAPI_REMOTE_TOKENS_FILE)' : '';
}

function readMetadata(content: unknown): Metadata {
  const checked = metadataSchema.validate(content, { convert: false });
  // The validation message would quote the server.
  if (checked.error) throw new Error("the server's model metadata does not follow the protocol");
  const { platform, inputs, outputs } = checked.value as Metadata;
  const plain = ({ name, datatype, shape }: TensorInfo): TensorInfo => ({ name, datatype, shape });
  return { platform, inputs: inputs.map(plain), outputs: outputs.map(plain) };
}

function toMetadata({ url, model, version }: RemoteReference, { platform, inputs, outputs }: Metadata): ModelMetadata {
  if (!inputs.every(({ datatype }) => datatypes.has(datatype)))
    throw new Error('the model has an input with an unknown datatype');
  const rows = rowsOf(inputs);
  // Identity of the model: the reference and the server's description.
  const identity = JSON.stringify({ url, model, version, platform, inputs, outputs });
  return {
    sha256: createHash('sha256').update(identity).digest('hex'),
    platform: platform === '' ? 'remote' : platform,
    inputs,
    outputs: outputs.filter(({ datatype }) => datatypes.has(datatype)),
    ...rows,
    takesOneRow: false,
  };
}

/** Describes the input if it is a single tensor of shape [-1, features]. */
function rowsOf([input, ...others]: readonly TensorInfo[]): Pick<ModelMetadata, 'inputType' | 'width'> {
  const [rows, width = -1, ...more] = input!.shape;
  const inputType = inputTypes.get(input!.datatype);
  const takesRows = others.length === 0 && rows === -1 && input!.shape.length === 2 && more.length === 0;
  if (!takesRows || inputType === undefined) return { inputType: undefined, width: undefined };
  return { inputType, width: width > 0 ? width : undefined };
}

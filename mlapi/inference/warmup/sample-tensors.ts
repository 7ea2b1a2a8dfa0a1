import Joi from 'joi';
import { parseStrictJson } from '../../http/body/strict-json.ts';
import type { Contract } from '../contract/types.ts';
import { datatypes } from '../tensors/datatypes.ts';
import { quoteLongIntegers } from '../tensors/exact-integers.ts';
import { toTensorInput } from '../tensors/input-tensors.ts';
import { readJsonData } from '../tensors/json-tensor.ts';
import type { InputTensor, ModelMetadata, TensorInfo, TensorInput } from '../tensors/types.ts';

/** Limit of a generated sample: no request could be larger. */
const maxBytes = 16 * 1_048_576;
/** Estimated bytes of an empty string. */
const textBytes = 8;

interface SampleRequest {
  readonly inputs: readonly (Omit<InputTensor, 'data'> & { readonly data: unknown })[];
}

const sampleSchema = Joi.object<SampleRequest>({
  inputs: Joi.array()
    .items(
      Joi.object({
        name: Joi.string().required(),
        datatype: Joi.valid(...datatypes.keys()).required(),
        shape: Joi.array().items(Joi.number().integer().min(1)).max(8).required(),
        data: Joi.array().required(),
      }),
    )
    .required(),
}).required();

/**
 * Returns the input for the warm-up of a model that takes tensors: its sample, or zeros with size 1 for dynamic dimensions.
 * @throws {Error} or {Problem} if the sample is invalid or the zeros would be too large
 */
export function sampleTensors(metadata: ModelMetadata, { sampleRequest }: Contract): TensorInput {
  const tensors = sampleRequest === undefined ? metadata.inputs.map(zeros) : readSampleRequest(sampleRequest);
  return toTensorInput(tensors, metadata);
}

/** Parses the inputs of an inference request in JSON. @throws {Error} */
function readSampleRequest(text: string): InputTensor[] {
  const { inputs } = checkSample(parseStrictJson(Buffer.from(text)));
  const exact = checkSample(JSON.parse(quoteLongIntegers(text)));
  return inputs.map(({ name, datatype, shape, data }, index) => {
    const [type, where] = [datatypes.get(datatype)!, `inputs[${index}].data`];
    return {
      name,
      datatype,
      shape,
      data: readJsonData(data, exact.inputs[index]!.data, { type, shape, count: sizeOf(shape), where }),
    };
  });
}

function checkSample(value: unknown): SampleRequest {
  const checked = sampleSchema.validate(value, { convert: false });
  if (checked.error !== undefined) throw new Error(`the sample is not an inference request: ${checked.error.message}`);
  return checked.value;
}

function zeros({ name, datatype, shape: fixed }: TensorInfo): InputTensor {
  const shape = fixed.map((size) => Math.max(1, size));
  const type = datatypes.get(datatype)!;
  const count = sizeOf(shape);
  if (count * (type.kind === 'text' ? textBytes : type.Cells.BYTES_PER_ELEMENT) > maxBytes)
    throw new Error(`the input "${name}" is larger than ${maxBytes} bytes`);
  return { name, datatype, shape, data: type.kind === 'text' ? Array<string>(count).fill('') : new type.Cells(count) };
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

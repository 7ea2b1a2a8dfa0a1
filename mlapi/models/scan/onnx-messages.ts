import type { ScanCode } from './scan-refusals.ts';

/**
 * The messages of onnx.proto as of ONNX 1.23 (IR version 14): field name, number and type; `*` means repeated.
 * - `name` and `text` are UTF-8 strings and are passed on; for `bytes`, only the length is.
 * - `int32` and `int64` are passed on; `varint`, `fixed32` and `fixed64` are only counted.
 * - `refused` fields end the scan without being read; `refusals` has the reasons.
 * Unknown field numbers end the scan too: the runtime might interpret them.
 */
const messages = {
  ModelProto: {
    ir_version: '1 int64',
    producer_name: '2 text',
    producer_version: '3 text',
    domain: '4 name',
    model_version: '5 int64',
    doc_string: '6 text',
    graph: '7 GraphProto',
    opset_import: '8 OperatorSetIdProto*',
    metadata_props: '14 StringStringEntryProto*',
    training_info: '20 refused',
    functions: '25 refused',
    configuration: '26 refused',
  },
  OperatorSetIdProto: { domain: '1 name', version: '2 int64' },
  StringStringEntryProto: { key: '1 text', value: '2 text' },
  GraphProto: {
    node: '1 NodeProto*',
    name: '2 name',
    initializer: '5 TensorProto*',
    doc_string: '10 text',
    input: '11 ValueInfoProto*',
    output: '12 ValueInfoProto*',
    value_info: '13 ValueInfoProto*',
    quantization_annotation: '14 TensorAnnotation*',
    sparse_initializer: '15 refused',
    metadata_props: '16 StringStringEntryProto*',
  },
  TensorAnnotation: { tensor_name: '1 name', quant_parameter_tensor_names: '2 StringStringEntryProto*' },
  NodeProto: {
    input: '1 name*',
    output: '2 name*',
    name: '3 name',
    op_type: '4 name',
    attribute: '5 AttributeProto*',
    doc_string: '6 text',
    domain: '7 name',
    overload: '8 refused',
    metadata_props: '9 StringStringEntryProto*',
    device_configurations: '10 refused',
  },
  AttributeProto: {
    name: '1 name',
    f: '2 fixed32',
    i: '3 varint',
    s: '4 bytes',
    t: '5 TensorProto',
    g: '6 GraphProto',
    floats: '7 fixed32*',
    ints: '8 varint*',
    strings: '9 bytes*',
    tensors: '10 TensorProto*',
    graphs: '11 GraphProto*',
    doc_string: '13 text',
    tp: '14 TypeProto',
    type_protos: '15 TypeProto*',
    type: '20 int32',
    ref_attr_name: '21 refused',
    sparse_tensor: '22 refused',
    sparse_tensors: '23 refused',
  },
  TensorProto: {
    dims: '1 int64*',
    data_type: '2 int32',
    segment: '3 refused',
    float_data: '4 fixed32*',
    int32_data: '5 varint*',
    string_data: '6 bytes*',
    int64_data: '7 varint*',
    name: '8 name',
    raw_data: '9 bytes',
    double_data: '10 fixed64*',
    uint64_data: '11 varint*',
    doc_string: '12 text',
    external_data: '13 StringStringEntryProto*',
    data_location: '14 int32',
    metadata_props: '16 StringStringEntryProto*',
  },
  ValueInfoProto: {
    name: '1 name',
    type: '2 TypeProto',
    doc_string: '3 text',
    metadata_props: '4 StringStringEntryProto*',
  },
  TypeProto: {
    tensor_type: '1 TensorTypeProto',
    sequence_type: '4 SequenceTypeProto',
    map_type: '5 MapTypeProto',
    denotation: '6 name',
    opaque_type: '7 refused',
    sparse_tensor_type: '8 refused',
    optional_type: '9 SequenceTypeProto',
  },
  TensorTypeProto: { elem_type: '1 int32', shape: '2 TensorShapeProto' },
  SequenceTypeProto: { elem_type: '1 TypeProto' },
  MapTypeProto: { key_type: '1 int32', value_type: '2 TypeProto' },
  TensorShapeProto: { dim: '1 DimensionProto*' },
  DimensionProto: { dim_value: '1 int64', dim_param: '2 name', denotation: '3 name' },
} as const;

const sparse = ['unsupported_model', 'The model holds a sparse tensor; only dense tensors are supported.'] as const;
const device = [
  'unsupported_model',
  'The model is distributed over several devices; save it without a device configuration.',
] as const;

/** Error messages for refused fields, by field name. */
export const refusals: Readonly<Record<string, readonly [ScanCode, string]>> = {
  training_info: ['unsupported_model', 'The model holds training information; save it for inference.'],
  functions: ['unsupported_model', 'The model defines its own functions; save it with the functions inlined.'],
  overload: ['unsupported_model', 'A node calls an overloaded function; save the model with the functions inlined.'],
  ref_attr_name: ['unsupported_model', 'An attribute refers to a function attribute; functions are not supported.'],
  configuration: device,
  device_configurations: device,
  sparse_initializer: sparse,
  sparse_tensor: sparse,
  sparse_tensors: sparse,
  sparse_tensor_type: sparse,
  opaque_type: ['unsupported_model', 'The model has a value of an opaque type, which is not supported.'],
  segment: ['unsupported_model', 'A tensor is stored in segments, which is not supported.'],
};

const wireTypes = { int32: 0, int64: 0, varint: 0, fixed64: 1, fixed32: 5, name: 2, text: 2, bytes: 2, refused: 2 };

export type FieldKind = keyof typeof wireTypes | 'message';

/** A field of a message. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly wireType: number;
  readonly isRepeated: boolean;
  /** The embedded message type, if the field has one. */
  readonly message: Message | undefined;
}

/** A message type: its fields by number; all numbers are below 32. */
export interface Message {
  readonly name: string;
  readonly fields: readonly (Field | undefined)[];
}

/** Message type of a model file. */
export const modelMessage: Message = linkMessages();

/** Message types refer to each other in cycles, so they are created first and filled afterwards. */
function linkMessages(): Message {
  const made = new Map(Object.keys(messages).map((name) => [name, { name, fields: [] as (Field | undefined)[] }]));
  for (const [name, fields] of Object.entries(messages))
    for (const [field, text] of Object.entries(fields as Record<string, string>)) {
      const [number, type = ''] = text.split(' ');
      const kind = type.replace('*', '');
      const message = made.get(kind);
      made.get(name)!.fields[Number(number)] = {
        name: field,
        kind: message === undefined ? (kind as FieldKind) : 'message',
        wireType: message === undefined ? wireTypes[kind as keyof typeof wireTypes] : 2,
        isRepeated: type.endsWith('*'),
        message,
      };
    }
  return made.get('ModelProto')!;
}

import { featureAxis, type OperatorCall, type ProvedValue, type Rule } from '../operator-call.ts';
import { NotRowWise, rowsOf, type Size } from '../values.ts';
import { single } from './matrices.ts';

function image(call: OperatorCall): readonly Size[] {
  const { sizes } = call.rows(0);
  if (sizes.length < 3) throw new NotRowWise('input 0 has a rank below 3');
  return sizes;
}

/** Conv, ConvInteger, ConvTranspose: samples are on axis 0; all other inputs must be constant. */
export function convolution(call: OperatorCall): ProvedValue {
  const [, , ...places] = image(call);
  call.constantsFrom(1);
  return rowsOf(undefined, ...places.map(() => undefined));
}

/** QLinearConv: x with scale and zero point, then w. */
export function quantizedConvolution(call: OperatorCall): ProvedValue {
  for (const at of [1, 2, 6, 7]) single(call, at);
  return convolution(call);
}

/** MaxPool, AveragePool, LpPool. The second output holds indices across all rows, so it is left unproved. */
export function pool(call: OperatorCall): ProvedValue {
  const [, channels, ...places] = image(call);
  return rowsOf(channels, ...places.map(() => undefined));
}

export function globalPool(call: OperatorCall): ProvedValue {
  const [, channels, ...places] = image(call);
  return rowsOf(channels, ...places.map(() => 1));
}

/** QuantizeLinear, DequantizeLinear with a constant scale: one number, or one per entry of an axis within the row. */
export function quantize(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  call.constantsFrom(1);
  if (value.kind !== 'rows') return value.kind === 'constant' ? { ...value, numbers: undefined } : call.rows(0);
  const { sizes } = call.constant(1);
  if (sizes === undefined || sizes.length > 1)
    throw new NotRowWise('its scale is neither a number nor a list of numbers');
  if (sizes.length === 1 && sizes[0] !== 1) featureAxis(call.int('axis', 1), value.sizes.length);
  return value;
}

/**
 * An ai.onnx.ml operator over [rows, features]; it would take a vector for a single row.
 * @param outputs for each output, the number of axes after the row axis
 */
export function learned(...outputs: readonly number[]): Rule {
  return (call) => {
    call.rows(0, 2);
    call.constantsFrom(1);
    return outputs.map((axes) => rowsOf(...new Array<Size>(axes).fill(undefined)));
  };
}

/**
 * A regressor of ai.onnx.ml.
 * @param targets name of the attribute with the number of outputs per row
 * @param usual number of outputs without the attribute
 */
export function regression(targets: string, usual?: number): Rule {
  return (call) => {
    call.rows(0, 2);
    call.constantsFrom(1);
    const count = call.attribute(targets)?.int ?? usual;
    return rowsOf(count);
  };
}

/** Scaler, Normalizer, Imputer: [rows, features] in and out. */
export function columnwise(call: OperatorCall): ProvedValue {
  return call.rows(0, 2);
}

/** FeatureVectorizer: concatenates features. */
export function joinFeatures(call: OperatorCall): ProvedValue {
  call.inputs.forEach((_, at) => call.rows(at, 2));
  return rowsOf(undefined);
}

/** OneHotEncoder: adds a last axis. */
export function encodeOneHot(call: OperatorCall): ProvedValue {
  return rowsOf(...call.rows(0).sizes.slice(1), undefined);
}

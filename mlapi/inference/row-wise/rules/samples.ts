import { featureAxis, type OperatorCall, type ProvedValue, type Rule } from '../operator-call.ts';
import { NotRowWise, rowsOf, type Size } from '../values.ts';
import { single } from './matrices.ts';

function image(call: OperatorCall): readonly Size[] {
  const { sizes } = call.rows(0);
  if (sizes.length < 3) throw new NotRowWise('input 0 is not of rank 3 or more');
  return sizes;
}

/** Conv and its kind: axis 0 is that of the samples. What else they take is constant. */
export function convolution(call: OperatorCall): ProvedValue {
  const [, , ...places] = image(call);
  call.constantsFrom(1);
  return rowsOf(undefined, ...places.map(() => undefined));
}

/** QLinearConv: x, its scale and zero point, w, ... */
export function quantizedConvolution(call: OperatorCall): ProvedValue {
  for (const at of [1, 2, 6, 7]) single(call, at);
  return convolution(call);
}

/** MaxPool and its kind. The second output counts through all rows: it is left out. */
export function pool(call: OperatorCall): ProvedValue {
  const [, channels, ...places] = image(call);
  return rowsOf(channels, ...places.map(() => undefined));
}

export function globalPool(call: OperatorCall): ProvedValue {
  const [, channels, ...places] = image(call);
  return rowsOf(channels, ...places.map(() => 1));
}

/** QuantizeLinear, DequantizeLinear with a constant scale: one number, or one for each entry of an axis of the row. */
export function quantize(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  call.constantsFrom(1);
  if (value.kind !== 'rows') return value.kind === 'constant' ? { ...value, numbers: undefined } : call.rows(0);
  const { sizes } = call.constant(1);
  if (sizes === undefined || sizes.length > 1) throw new NotRowWise('its scale is not one number, or a list of them');
  if (sizes.length === 1 && sizes[0] !== 1) featureAxis(call.int('axis', 1), value.sizes.length);
  return value;
}

/** An operator of ai.onnx.ml over rows × features. A list alone would be one row to it. @param outputs how many axes each of them has behind the rows' */
export function learned(...outputs: readonly number[]): Rule {
  return (call) => {
    call.rows(0, 2);
    call.constantsFrom(1);
    return outputs.map((axes) => rowsOf(...new Array<Size>(axes).fill(undefined)));
  };
}

/** A regressor of ai.onnx.ml. @param targets the attribute that says how many numbers a row gets @param usual how many without it */
export function regression(targets: string, usual?: number): Rule {
  return (call) => {
    call.rows(0, 2);
    call.constantsFrom(1);
    const count = call.attribute(targets)?.int ?? usual;
    return rowsOf(count);
  };
}

/** Scaler, Normalizer, Imputer: rows × features come out as they went in. */
export function columnwise(call: OperatorCall): ProvedValue {
  return call.rows(0, 2);
}

/** FeatureVectorizer: features beside features. */
export function joinFeatures(call: OperatorCall): ProvedValue {
  call.inputs.forEach((_, at) => call.rows(at, 2));
  return rowsOf(undefined);
}

/** OneHotEncoder: one more axis, behind all others. */
export function encodeOneHot(call: OperatorCall): ProvedValue {
  return rowsOf(...call.rows(0).sizes.slice(1), undefined);
}

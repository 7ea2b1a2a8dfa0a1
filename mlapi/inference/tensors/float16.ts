/** Exponent of FP16; all ones for infinities and NaN (IEEE 754 binary16). */
const exponentBits = 0x7c00;
const signBit = 0x8000;
/** There are 1024 steps between powers of two, and steps of 2^-24 below the smallest normal number. */
const steps = 1_024;
const smallestNormal = 2 ** -14;
const smallestStep = 2 ** -24;

/** Returns the bits of the nearest FP16 number, ties to even; infinity from 65,520 on. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? signBit : 0;
  const size = Math.abs(value);
  // Half a step above the largest finite number.
  if (size >= 65_520) return sign | exponentBits;
  // A number rounded up to the next power of two gets the bits of that power.
  if (size < smallestNormal) return sign | roundToEven(size / smallestStep);
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) exponent -= 1;
  return sign | ((exponent + 14) * steps + roundToEven(size / 2 ** (exponent - 10)));
}

/** Returns the number of these bits, which JavaScript represents exactly. */
export function fromHalf(bits: number): number {
  const sign = (bits & signBit) === 0 ? 1 : -1;
  const exponent = (bits & exponentBits) >> 10;
  const fraction = bits & (steps - 1);
  if (exponent === 0) return sign * fraction * smallestStep;
  if (!isFiniteHalf(bits)) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (steps + fraction) * 2 ** (exponent - 25);
}

export function isFiniteHalf(bits: number): boolean {
  return (bits & exponentBits) !== exponentBits;
}

function roundToEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

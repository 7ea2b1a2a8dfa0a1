/** The exponent of FP16, which is all ones where it is no finite number (IEEE 754 binary16). */
const exponentBits = 0x7c00;
const signBit = 0x8000;
/** 1024 steps from one power of two to the next; below the smallest of them, steps of 2^-24. */
const steps = 1_024;
const smallestNormal = 2 ** -14;
const smallestStep = 2 ** -24;

/** The bits of the FP16 number that is nearest, of two as near the even one; infinity from 65,520 on. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? signBit : 0;
  const size = Math.abs(value);
  // Half a step above the largest.
  if (size >= 65_520) return sign | exponentBits;
  // A number that is rounded up to the next power of two has that one's bits.
  if (size < smallestNormal) return sign | roundToEven(size / smallestStep);
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) exponent -= 1;
  return sign | ((exponent + 14) * steps + roundToEven(size / 2 ** (exponent - 10)));
}

/** The number, which JavaScript holds exactly. */
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

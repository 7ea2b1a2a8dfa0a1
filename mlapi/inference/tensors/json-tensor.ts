import { invalidInference } from '../problems.ts';
import type { Datatype } from './datatypes.ts';
import { isFiniteHalf, toHalf } from './float16.ts';
import type { TensorData } from './types.ts';

/** Requirements on the data of a tensor; `count` is the number of elements of its shape. */
export interface Expected {
  readonly type: Datatype;
  readonly shape: readonly number[];
  readonly count: number;
  /** Position in the request, for error messages. */
  readonly where: string;
  /** Whether binary data may contain NaN and infinities. */
  readonly takesNonFinite?: boolean;
}

/**
 * Reads the `data` of a tensor: its elements in row-major order, flat or nested like its shape.
 * @param exact like `data`, but with long integers as strings, because JSON.parse rounds them
 * @throws {Problem} 400 unless every element fits its datatype and their number matches the shape
 */
export function readJsonData(data: unknown, exact: unknown, expected: Expected): TensorData {
  const { type, shape, count, where } = expected;
  if (!Array.isArray(data)) throw invalidInference(where, 'data must be a list');
  // Allocate nothing of the declared size until that many elements have been counted.
  const lists = shape.length > 1 && Array.isArray(data[0]) ? leavesOf(data, shape, where) : [data];
  const exactLists = exact === data ? lists : lists[0] === data ? [exact] : leavesOf(exact, shape, where);
  const found = lists.reduce((sum, { length }) => sum + length, 0);
  if (found !== count) throw invalidInference(where, `the shape has ${count} elements, got ${found}`);
  const place = placerOf(type, count);
  let at = 0;
  for (const [index, list] of lists.entries()) {
    const exactList = exactLists[index] as readonly unknown[];
    for (let item = 0; item < list.length; item += 1, at += 1)
      if (!place.put(at, list[item], exactList[item])) throw refuseElement(expected, at);
  }
  return place.cells;
}

/** Returns the innermost lists of nested data. @throws {Problem} 400 unless every list is as long as its dimension */
function leavesOf(data: unknown, shape: readonly number[], where: string): (readonly unknown[])[] {
  const leaves: (readonly unknown[])[] = [];
  const walk = (list: unknown, level: number): void => {
    if (!Array.isArray(list) || list.length !== shape[level])
      throw invalidInference(where, 'the nested lists do not match the shape');
    if (level === shape.length - 1) leaves.push(list);
    else for (const item of list) walk(item, level + 1);
  };
  walk(data, 0);
  return leaves;
}

interface Placer {
  readonly cells: TensorData;
  /** @returns whether the value fits the datatype */
  put(at: number, value: unknown, exact: unknown): boolean;
}

function placerOf(type: Datatype, count: number): Placer {
  switch (type.kind) {
    case 'boolean': {
      const cells = new type.Cells(count);
      return {
        cells,
        put: (at, value) => {
          if (typeof value !== 'boolean') return false;
          cells[at] = Number(value);
          return true;
        },
      };
    }
    case 'integer': {
      const { min, max } = type;
      const cells = new type.Cells(count);
      return {
        cells,
        put: (at, value) => {
          if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) return false;
          cells[at] = value;
          return true;
        },
      };
    }
    case 'long':
      return placeLongs(type, count);
    case 'half': {
      const cells = new type.Cells(count);
      return {
        cells,
        put: (at, value) => {
          if (typeof value !== 'number') return false;
          const bits = toHalf(value);
          cells[at] = bits;
          return isFiniteHalf(bits);
        },
      };
    }
    case 'float': {
      const cells = new type.Cells(count);
      return {
        cells,
        put: (at, value) => {
          if (typeof value !== 'number') return false;
          cells[at] = value;
          // A number too large for FP32 has become infinite.
          return Number.isFinite(cells[at]);
        },
      };
    }
    case 'text': {
      const cells: string[] = [];
      return {
        cells,
        put: (_, value) => {
          if (typeof value !== 'string') return false;
          cells.push(value);
          return true;
        },
      };
    }
  }
}

function placeLongs({ Cells, min, max }: Datatype & { kind: 'long' }, count: number): Placer {
  const cells = new Cells(count);
  return {
    cells,
    put: (at, value, exact) => {
      const isExact = Number.isSafeInteger(value);
      // A rounded number without its exact digits is ambiguous.
      if (typeof value !== 'number' || (!isExact && !isLongText(exact))) return false;
      const long = BigInt(isExact ? value : (exact as string));
      cells[at] = long;
      return long >= min && long <= max;
    },
  };
}

/** At most 20 characters, as for any 64-bit integer: parsing a million digits would take long. */
function isLongText(exact: unknown): exact is string {
  return typeof exact === 'string' && exact.length <= 20;
}

function refuseElement({ type, where }: Expected, at: number) {
  const wanted: Readonly<Record<Datatype['kind'], string>> = {
    boolean: 'true or false',
    integer: 'a whole number within its datatype',
    long: 'a whole number within its datatype, with all its digits',
    half: 'a finite number within its datatype',
    float: 'a finite number within its datatype',
    text: 'text',
  };
  return invalidInference(`${where}, element ${at}`, `it must be ${wanted[type.kind]}`);
}

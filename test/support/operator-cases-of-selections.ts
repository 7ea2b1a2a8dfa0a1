import { int, ints, of, one, type OperatorCases } from './operator-cases.ts';

/** Operators that select elements of their inputs. */
export const selections: Record<string, OperatorCases> = {
  Split: {
    apart: [one('Split', ['x', ints(1, 3)], { axis: 1 }, { outputs: ['z', 'y'] })],
    mixed: [one('Split', ['x', ints(1, 4)], { axis: 0 }, { outputs: ['z', 'y'] })],
  },
  Slice: {
    apart: [
      one('Slice', ['x', ints(1), ints(3), ints(1)]),
      one('Slice', ['x', ints(0, 1), ints(2 ** 31 - 1, 3)]),
      one('Slice', ['x', ints(-1), ints(-5), ints(1), ints(-1)]),
    ],
    mixed: [
      one('Slice', ['x', ints(0), ints(1)]),
      one('Slice', ['x', ints(-1), ints(-(2 ** 31)), ints(0), ints(-1)]),
      one('Slice', ['x', ints(1), ints(2 ** 31 - 1), ints(-2)]),
      one('Slice', ['x', ints(0), ints(5), ints(0)]),
    ],
  },
  Gather: {
    apart: [
      one('Gather', ['x', ints(2, 0)], { axis: 1 }),
      one('Gather', ['x', int(1)], { axis: -1 }),
      one('Gather', [of(4, 2), 'x'], {}, { type: 'int64' }),
    ],
    mixed: [
      one('Gather', ['x', ints(0)]),
      one('Gather', ['x', ints(0, 0, 0, 0, 0)], { axis: -2 }),
      one('Gather', [of(2, 4), 'x'], { axis: 1 }, { type: 'int64' }),
      one('Gather', ['x', 'x'], { axis: 1 }, { type: 'int64' }),
    ],
  },
  GatherElements: {
    apart: [one('GatherElements', ['x', 'x'], { axis: 1 }, { type: 'int64' })],
    mixed: [
      one('GatherElements', ['x', 'x'], { axis: 0 }, { type: 'int64', entry: [1] }),
      one('GatherElements', ['x', { type: 'int64', sizes: [1, 2], values: [0, 1] }], { axis: 1 }),
    ],
  },
  OneHot: {
    apart: [
      one('OneHot', ['x', int(4), { sizes: [2], values: [0, 1] }], {}, { type: 'int64' }),
      one('OneHot', ['x', int(4), { sizes: [2], values: [0, 1] }], { axis: 1 }, { type: 'int64' }),
    ],
    mixed: [one('OneHot', ['x', int(4), { sizes: [2], values: [0, 1] }], { axis: 0 }, { type: 'int64' })],
  },
};

import { expect, test } from '@jest/globals';
import { readEnd } from '../../mlapi/sandbox/outcome.ts';

test.each([
  [0, null, '', 'succeeded', 'It succeeded.'],
  [3, null, '', 'failed', 'It failed with exit code 3.'],
  [null, 'SIGTERM', '', 'failed', 'It was ended by SIGTERM.'],
  [139, null, '', 'failed', 'It was ended by SIGSEGV.'],
  [137, null, '', 'failed', 'It was killed; the machine may have run out of memory.'],
  [152, null, '', 'cpu', 'It used up its CPU time.'],
  [null, 'SIGXCPU', '', 'cpu', 'It used up its CPU time.'],
  [153, null, '', 'scratch', 'It wrote a file that is larger than its limit.'],
  [1, null, 'OSError: [Errno 27] File too large', 'scratch', 'It wrote a file that is larger than its limit.'],
  [1, null, 'Traceback\nMemoryError', 'memory', 'It ran out of memory.'],
  [134, null, "terminate called after throwing an instance of 'std::bad_alloc'", 'memory', 'It ran out of memory.'],
  [1, null, 'Error: cannot allocate vector of size 7.5 Gb', 'memory', 'It ran out of memory.'],
  [0, null, 'MemoryError', 'succeeded', 'It succeeded.'],
  [1, null, `MemoryError${' '.repeat(2_000)}`, 'failed', 'It failed with exit code 1.'],
] as [number | null, NodeJS.Signals | null, string, string, string][])(
  'exit code %s, signal %s, last words %j: %s',
  (code, signal, tail, ending, reason) => {
    const end = readEnd(code, signal, Buffer.from(tail));
    expect(end).toMatchObject({ ending, reason });
    expect(end.signal === undefined).toBe(end.exitCode !== undefined);
  },
);

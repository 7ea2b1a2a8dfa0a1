import { expect, test } from '@jest/globals';
import { describeConfined, runPython } from '../support/confined-programs.ts';

describeConfined('what the kernel counts for the whole machine', () => {
  test('is refused: sessions with the usual priority, sockets of networks, places for asynchronous I/O and watches', async () => {
    const numbers = process.arch === 'x64' ? [206, 253, 294] : [0, 26];
    const code = `
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def meets(attempt):
  try: attempt()
  except OSError as error: return error.errno
def call(number):
  if libc.syscall(number, 1, ctypes.byref(ctypes.c_long(0))) < 0: raise OSError(ctypes.get_errno(), '')
print([meets(os.setsid)] + [meets(lambda: call(number)) for number in ${JSON.stringify(numbers)}])
print([meets(lambda: socket.socket(family)) for family in [socket.AF_INET, socket.AF_INET6, socket.AF_VSOCK, socket.AF_NETLINK]])
print(meets(lambda: socket.socket(socket.AF_UNIX)), meets(socket.socketpair))
`;

    const { text } = await runPython(code);

    const [calls = '', families, local] = text.trim().split('\n');
    expect(JSON.parse(calls)).toEqual([1, ...numbers.map(() => 1)]);
    expect([families, local]).toEqual(['[97, 97, 97, 97]', 'None None']);
  });
});

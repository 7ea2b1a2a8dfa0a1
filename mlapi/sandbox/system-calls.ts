/** System call numbers by architecture. Those common to all are listed below. */
const numbers = {
  x64: {
    architecture: 0xc000003e,
    clone: 56,
    mmap: 9,
    ioctl: 16,
    socket: 41,
    fallocate: 285,
    // The second system call table (x32) begins here.
    end: 0x40000000,
    processes: { fork: 57, vfork: 58 },
    denied: {
      ...{ unshare: 272, setns: 308, mount: 165, umount2: 166, pivot_root: 155, chroot: 161, open_by_handle_at: 304 },
      ...{ shmget: 29, shmat: 30, memfd_create: 319, remap_file_pages: 216, msgget: 68, semget: 64, mq_open: 240 },
      ...{ ptrace: 101, process_vm_readv: 310, process_vm_writev: 311, kcmp: 312, personality: 135, vmsplice: 278 },
      ...{ keyctl: 250, add_key: 248, request_key: 249, bpf: 321, perf_event_open: 298, userfaultfd: 323 },
      ...{ setsid: 112, io_setup: 206, inotify_init: 253, inotify_init1: 294 },
    },
  },
  arm64: {
    architecture: 0xc00000b7,
    clone: 220,
    mmap: 222,
    ioctl: 29,
    socket: 198,
    fallocate: 47,
    end: 0x40000000,
    processes: {},
    denied: {
      ...{ unshare: 97, setns: 268, mount: 40, umount2: 39, pivot_root: 41, chroot: 51, open_by_handle_at: 265 },
      ...{ shmget: 194, shmat: 196, memfd_create: 279, remap_file_pages: 234, msgget: 186, semget: 190, mq_open: 180 },
      ...{ ptrace: 117, process_vm_readv: 270, process_vm_writev: 271, kcmp: 272, personality: 92, vmsplice: 75 },
      ...{ keyctl: 219, add_key: 217, request_key: 218, bpf: 280, perf_event_open: 241, userfaultfd: 282 },
      ...{ setsid: 157, io_setup: 0, inotify_init1: 26 },
    },
  },
};

const clone3 = 435;
const deniedEverywhere = {
  ...{ open_tree: 428, move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, fspick: 433, mount_setattr: 442 },
  ...{ io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427, pidfd_getfd: 438, memfd_secret: 447 },
};

/** Classic BPF (`linux/filter.h`) over `struct seccomp_data`. */
const load = 0x20;
const and = 0x54;
const ifEqual = 0x15;
const ifAtLeast = 0x35;
const ifAnyBit = 0x45;
const giveBack = 0x06;
const numberAt = 0;
const architectureAt = 4;
const argumentAt = (index: number) => 16 + 8 * index;

const allow = 0x7fff0000;
const kill = 0x80000000;
const notPermitted = 0x00050001;
const notImplemented = 0x00050026;
const notSupported = 0x0005005f;
const noSuchFamily = 0x00050061;
const familyUnix = 1;

const cloneThread = 0x00010000;
/** `CLONE_NEW...` */
const cloneNamespaces = 0x7e020000;
const sharedAnonymous = 0x21;
/** `FS_IOC_RESVSP`, `FS_IOC_RESVSP64` and `FS_IOC_ZERO_RANGE`: `fallocate` under other names. */
const reserveSpace = [0x40305828, 0x4030582a, 0x40305839];

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

const answer = (value: number): Instruction => [giveBack, 0, 0, value];
const responseFor = (call: number, value: number): Instruction[] => [[ifEqual, 0, 1, call], answer(value)];

interface FilterOptions {
  /** A program that may have several processes; when run from source, the loader starts its compiler. */
  readonly startsProcesses: boolean;
  /** Whether there is a folder in which the process may write. */
  readonly writesFiles?: boolean;
  readonly architecture?: string;
}

/**
 * Returns a seccomp program for the confined process: no new processes, namespaces or mounts, no shared memory, no access to other
 * processes' memory, no session of its own, whose priority would not be lowered, and nothing that uses memory not counted as its own. Denied
 * calls fail with EPERM.
 * @returns undefined for architectures whose call numbers are unknown
 */
export function systemCallFilter(options: FilterOptions): Buffer | undefined {
  const { startsProcesses, writesFiles = false, architecture = process.arch } = options;
  if (architecture !== 'x64' && architecture !== 'arm64') return undefined;
  const { clone, mmap, ioctl, socket, fallocate, end, processes, denied, ...own } = numbers[architecture];
  const refused = Object.values({ ...denied, ...deniedEverywhere, ...(startsProcesses ? {} : processes) });
  return assemble([
    [load, 0, 0, architectureAt],
    [ifEqual, 1, 0, own.architecture],
    answer(kill),
    [load, 0, 0, numberAt],
    [ifAtLeast, 0, 1, end],
    answer(notImplemented),
    ...refused.flatMap((call) => responseFor(call, notPermitted)),
    // Its flags are in memory, which a filter cannot read. On ENOSYS, the C library falls back to `clone`.
    ...responseFor(clone3, notImplemented),
    ...(writesFiles ? noReservedSpace(fallocate, ioctl) : []),
    // Queues of other sockets are memory that is bounded for the whole machine only.
    [ifEqual, 0, 4, socket],
    [load, 0, 0, argumentAt(0)],
    [ifEqual, 1, 0, familyUnix],
    answer(noSuchFamily),
    answer(allow),
    [ifEqual, 0, 6, clone],
    [load, 0, 0, argumentAt(0)],
    [ifAnyBit, 0, 1, cloneNamespaces],
    answer(notPermitted),
    [ifAnyBit, 1, 0, startsProcesses ? 0xffffffff : cloneThread],
    answer(notPermitted),
    answer(allow),
    [ifEqual, 0, 4, mmap],
    [load, 0, 0, argumentAt(3)],
    [and, 0, 0, sharedAnonymous],
    [ifEqual, 0, 1, sharedAnonymous],
    answer(notPermitted),
    answer(allow),
  ]);
}

/**
 * Space can be reserved beyond the end of a file, where the limit of file sizes does not count: 20 GB in 20 ms. With EOPNOTSUPP, the C
 * library's `posix_fallocate` writes zeros instead.
 */
function noReservedSpace(fallocate: number, ioctl: number): Instruction[] {
  const requests = reserveSpace.flatMap((request) => responseFor(request, notSupported));
  return [
    ...responseFor(fallocate, notSupported),
    [ifEqual, 0, requests.length + 2, ioctl],
    [load, 0, 0, argumentAt(1)],
    ...requests,
    answer(allow),
  ];
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length);
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    const at = 8 * index;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value, at + 4);
  });
  return bytes;
}

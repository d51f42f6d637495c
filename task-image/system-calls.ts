/** The filter of system calls in a sandbox: namespaces do not hold what these reach. */

/**
 * A key in the kernel's keyrings outlives its run, and the next one finds it. A segment of System V memory belongs to no
 * process: nobody can tell who holds it. In this order: shmget (and the `ipc` of old), add_key, request_key, keyctl.
 */
const refused = [
  { arch: 0xc000003e, calls: [29, 248, 249, 250] }, // x86_64
  { arch: 0xc00000b7, calls: [194, 217, 218, 219] }, // aarch64
  { arch: 0xc00000f3, calls: [194, 217, 218, 219] }, // riscv64
  { arch: 0x40000003, calls: [395, 117, 286, 287, 288] }, // i386
  { arch: 0x40000028, calls: [307, 309, 310, 311] }, // arm
];

/** A program of classic BPF on `struct seccomp_data` (linux/seccomp.h), as `bwrap --seccomp` takes it. */
export const systemCallFilter: Buffer = Buffer.concat([
  load(4),
  ...refused.flatMap(({ arch, calls }) => [
    jump(0x15, arch, 0, calls.length + 4),
    load(0),
    // Those of x32, a second numbering of the same calls.
    jump(0x35, 0x40000000, calls.length + 1, 0),
    ...calls.map((call, index) => jump(0x15, call, calls.length - index, 0)),
    answer(0x7fff0000),
    // EPERM
    answer(0x00050001),
  ]),
  // Of an architecture that is not known here everything is refused, and the process killed.
  answer(0x80000000),
]);

function load(offset: number): Buffer {
  return instruction(0x20, offset, 0, 0);
}

/** 0x15 compares for equality, 0x35 for greater or equal. */
function jump(code: 0x15 | 0x35, value: number, whenTrue: number, whenFalse: number): Buffer {
  return instruction(code, value, whenTrue, whenFalse);
}

function answer(value: number): Buffer {
  return instruction(0x06, value, 0, 0);
}

function instruction(code: number, value: number, whenTrue: number, whenFalse: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(whenTrue, 2);
  bytes.writeUInt8(whenFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

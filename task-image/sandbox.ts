/** The argument list of bubblewrap: a file system made from nothing, namespaces of its own, and no privilege in them. */

/** What is there besides the machine's programs. Everything keeps its path: saved plans hold absolute ones. */
export interface View {
  readonly readOnly: readonly string[];
  readonly readWrite: readonly string[];
  /** One of `readWrite`, which is `/tmp` too. */
  readonly temporary?: string;
  /** Stands for `/etc/passwd`: ssh insists on being somebody. */
  readonly users?: string;
}

/** Who the tool is inside, whoever the worker is. */
export const insideId = 1000;

/**
 * What follows it is the tool and its arguments. The tool is process 1 of its namespace: when it ends, the kernel ends
 * everything in there. It outlives its worker, so that an apply whose worker dies can be interrupted, not killed.
 */
export function sandboxArgv({ readOnly, readWrite, temporary, users }: View, cwd: string): string[] {
  const own = readWrite.flatMap(place => ['--bind', place, place]);
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    // Without namespaces of its own a tool reaches less of the kernel.
    '--disable-userns',
    ...['--uid', `${insideId}`, '--gid', `${insideId}`, '--cap-drop', 'ALL', '--as-pid-1', '--hostname', 'run'],
    ...programs.flatMap(place => ['--ro-bind-try', place, place]),
    ...etc.flatMap(name => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...(users === undefined ? [] : ['--ro-bind', users, '/etc/passwd']),
    ...readOnly.filter(place => !isProgram(place)).flatMap(place => ['--ro-bind', place, place]),
    // To the kernel a sandbox of root's is root: what is not read-only here it could write, `core_pattern` for one.
    ...['--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...own,
    ...(temporary === undefined || [...readOnly, ...readWrite].some(place => place.startsWith('/tmp/'))
      ? []
      : ['--symlink', temporary, '/tmp']),
    ...['--remount-ro', '/', '--chdir', cwd, '--'],
  ];
}

const programs = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64'];

/** What every tool sees, whatever its view. */
export const isProgram = (place: string): boolean => programs.some(directory => place.startsWith(`${directory}/`));

/** What name resolution, TLS, time zones and the dynamic linker read. */
const etc = [
  ...['resolv.conf', 'hosts', 'nsswitch.conf', 'host.conf', 'gai.conf', 'services', 'protocols'],
  ...['ssl/certs', 'ssl/cert.pem', 'ssl/openssl.cnf', 'pki/tls/certs', 'pki/tls/cert.pem', 'pki/ca-trust/extracted'],
  ...['ca-certificates', 'crypto-policies', 'localtime', 'timezone', 'ld.so.cache', 'alternatives'],
];

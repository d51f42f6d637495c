/** How ssh is called: nothing of the machine's or the user's configuration, no question, no host that the policy does not know. */

/** A line for a shell, which is what git gives its ssh command to; `own` is what differs from connection to connection. */
export const sshCommand = (own: Readonly<Record<string, string>>): string =>
  ['ssh', ...options(own)].map(quote).join(' ');

const options = (own: Readonly<Record<string, string>>): string[] => [
  '-F',
  '/dev/null',
  ...Object.entries({ ...always, ...own }).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
];

const always = {
  BatchMode: 'yes',
  PreferredAuthentications: 'publickey',
  StrictHostKeyChecking: 'yes',
  GlobalKnownHostsFile: '/dev/null',
  UpdateHostKeys: 'no',
  VerifyHostKeyDNS: 'no',
  PermitLocalCommand: 'no',
  ForwardAgent: 'no',
  ClearAllForwardings: 'yes',
  ConnectTimeout: '15',
  ServerAliveInterval: '15',
  LogLevel: 'ERROR',
};

/** ssh splits values at spaces and expands `%`; it has no way to write a quote or a `${` (ssh_config(5)). */
export const pathValue = (path: string): string => `"${path.replaceAll('%', '%%')}"`;

/** One word of a shell's line. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** The ssh of Terraform's git: a list of what git may ask for, and what is done instead; everything else is refused. */
import { unlisted } from './module-git.ts';
import { pathValue, quote, sshCommand } from './ssh-command.ts';

/** A private repository, the agent that has its key, and the file with its host keys. */
export interface ReachedModule {
  readonly url: string;
  readonly socket: string;
  readonly hosts: string;
}

/**
 * A script for `sh`. What git asks for is compared whole, and what runs is written by us from the policy: no text of a
 * repository gets to ssh, and a url that only begins like an allowed one is not allowed.
 */
export const moduleSsh = (modules: readonly ReachedModule[]): string => `case "$*" in
${modules.map(arm).join('\n')}
esac
echo ${quote(unlisted)} >&2
exit 1
`;

const arm = ({ url, socket, hosts }: ReachedModule): string => {
  const address = addressOf(url);
  const { user, host, port, path } = address;
  const connection = sshCommand({
    IdentityAgent: pathValue(socket),
    IdentityFile: 'none',
    UserKnownHostsFile: pathValue(hosts),
    SendEnv: 'GIT_PROTOCOL',
    Port: port,
  });
  const asked = spellings(address).map(quote).join('|');
  return `${asked}) exec ${connection} ${quote(`${user}@${host}`)} ${quote(uploadPack(path))} ;;`;
};

interface Address {
  readonly user: string;
  readonly host: string;
  readonly port: string;
  /** As git sends it to the server. */
  readonly path: string;
}

/** `ssh://user@host:port/path` or `user@host:path`, which the policy's schema has checked (git-clone(1), "GIT URLS"). */
function addressOf(url: string): Address {
  const match =
    /^ssh:\/\/([^@/]+)@([^:/]+)(?::([0-9]+))?(?:\/(?=~))?(.+)$/.exec(url) ?? /^([^@/]+)@([^:/]+):()(.+)$/.exec(url);
  const [, user = '', host = '', port, path = ''] = match ?? [];
  return { user, host, port: port || '22', path };
}

/** How git asks for it when Terraform is given this url, in either form, with or without the usual port and `.git`. */
function spellings({ user, host, port, path }: Address): string[] {
  const bare = path.replace(/^\//, '').replace(/(?:\.git)?\/?$/, '');
  const sent = bare.startsWith('~') ? bare : `/${bare}`;
  const ports = port === '22' ? ['', '-p 22 '] : [`-p ${port} `];
  return ports.flatMap(option =>
    [sent, `${sent}.git`].map(asked => `-o SendEnv=GIT_PROTOCOL ${option}${user}@${host} ${uploadPack(asked)}`),
  );
}

/** No character that a policy's url may have needs more than the quotes. */
const uploadPack = (path: string): string => `git-upload-pack '${path}'`;

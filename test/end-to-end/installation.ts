/** A whole installation for a test: sshd, a repository behind it, and the built server with a policy like the design's. */
import { stringify } from 'yaml';
import { type Server, type ServerOptions, startServer } from '../support/server.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

export interface Installation {
  readonly sshd: Sshd;
  readonly server: Server;
  readonly url: string;
  readonly policyText: string;
  stop(): Promise<void>;
}

/** Plan on any branch or tag, apply on main and release tags, `prod/**` and `staging/**` without `prod/secrets/**`. */
export const designRules = [
  {
    name: 'plan-anywhere',
    allow: ['plan'],
    refs: ['refs/heads/**', 'refs/tags/**'],
    paths: ['prod/**', 'staging/**'],
  },
  {
    name: 'apply-reviewed',
    allow: ['apply'],
    refs: ['refs/heads/main', 'refs/tags/release/*'],
    paths: ['prod/**', 'staging/**'],
  },
  { name: 'no-secrets-stack', deny: ['plan', 'apply'], paths: ['prod/secrets/**'] },
];

/** `repository` is the bare repository's directory. */
export async function install(
  repository: string,
  options: Omit<ServerOptions, 'policy'> & {
    readonly stacks?: readonly object[];
    readonly modules?: readonly object[];
  } = {},
): Promise<Installation> {
  const { stacks, modules, ...serverOptions } = options;
  const sshd = await startSshd();
  const url = sshd.url(repository);
  const section = {
    url,
    deploy_key: `file:${sshd.deployKeyFile}`,
    known_hosts: sshd.knownHosts,
    rules: designRules,
    ...(modules && { modules }),
    ...(stacks && { stacks }),
  };
  const policy = stringify({ version: 1, repositories: { 'infra-live': section } });
  const server = await startServer({ ...serverOptions, policy });
  return {
    sshd,
    server,
    url,
    policyText: policy,
    stop: async () => {
      await server.stop();
      await sshd.stop();
    },
  };
}

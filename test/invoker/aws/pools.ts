/** A policy for the launchers of AWS, and a launcher that has both kinds of workers, or one. */
import { type AwsLauncherParts, awsLauncher } from '../../../invoker/aws/launcher.ts';
import type { Launcher } from '../../../invoker/ledger.ts';
import type { PolicySource } from '../../../invoker/policy-source.ts';
import type { RunRecord } from '../../../invoker/run.ts';
import { parseAllowlist } from '../../../policies/parse.ts';
import { t0 } from '../sample-run.ts';

const text = (stacks: string) => `version: 1
repositories:
  infra-live:
    url: git@gitlab.example.com:acme/infra-live.git
    deploy_key: file:/nowhere
    known_hosts: gitlab.example.com ssh-ed25519 AAAA
    rules:
      - {name: plan-anywhere, allow: [plan], refs: [refs/heads/**, refs/tags/**], paths: [prod/**, staging/**]}
      - {name: apply-main, allow: [apply], refs: [refs/heads/main, refs/tags/release/*], paths: [prod/**]}
      - {name: no-applies, deny: [apply], paths: [prod/frozen/**]}
${stacks}`;

export function policyWith(stacks = ''): PolicySource {
  const parsed = parseAllowlist(text(stacks), 'allowlist.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return { current: async () => ({ policy: parsed.policy, digest: '' }) };
}

export const graceMs = 120_000;

export function launcherOn(
  platforms: AwsLauncherParts['platforms'],
  {
    policy = policyWith(),
    past = [],
    now = () => t0,
  }: { policy?: PolicySource; past?: readonly RunRecord[]; now?: () => number } = {},
): Launcher {
  return awsLauncher({ platforms, policy, ledger: { list: async () => past }, now, graceMs });
}

/** What a policy may say on one machine and not in an account, where nobody but the doors may have anything. */
import type { Policy, Repository } from './allowlist.ts';
import { quote } from './quote.ts';
import { roleProblems } from './role-problems.ts';

/** Sentences, each with its fix; empty when there are none. Pure. */
export function cloudProblems({ issuers, trustInvoker, repositories }: Policy): string[] {
  const nobody =
    issuers.size === 0 && !trustInvoker
      ? ['nobody could ask: there are no issuers; fix: add `issuers`, or `trust_invoker: true`']
      : [];
  return nobody.concat(
    [...repositories.values()].flatMap(repository => [...filesOf(repository), ...roleProblems(repository)]),
  );
}

const filesOf = ({ name, url, deployKey, modules, stacks }: Repository): string[] => [
  ...(url.startsWith('/') ? [`the url of ${quote(name)} is a path of this machine; fix: give its ssh url`] : []),
  ...[deployKey, ...modules.map(module => module.deployKey)]
    .filter(key => key?.startsWith('file:'))
    .map(() => `a deploy key of ${quote(name)} is a file; fix: put it into Secrets Manager and give its ARN`),
  ...stacks
    .flatMap(({ settings: { plan, apply } }) => [...(plan?.envSecrets ?? []), ...(apply?.envSecrets ?? [])])
    .filter(({ secret }) => secret.startsWith('file:'))
    .map(one => `${quote(one.name)} of ${quote(name)} is in a file; fix: put it into Secrets Manager and give its ARN`),
];

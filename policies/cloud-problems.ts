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
  const all = [...repositories.values()];
  // What is wrong with one state is wrong for every role.
  const ofRoles = new Set(all.flatMap(repository => roleProblems(repositories, repository)));
  return [...nobody, ...all.flatMap(placesOf), ...ofRoles];
}

const placesOf = ({ name, url, deployKey, modules, stacks }: Repository): string[] => [
  ...(url.startsWith('/') ? [`the url of ${quote(name)} is a path of this machine; fix: give its ssh url`] : []),
  ...[deployKey, ...modules.map(module => module.deployKey)].flatMap(key =>
    secretProblems(key, `a deploy key of ${quote(name)}`),
  ),
  ...stacks
    .flatMap(({ settings: { plan, apply } }) => [...(plan?.envSecrets ?? []), ...(apply?.envSecrets ?? [])])
    .flatMap(one => secretProblems(one.secret, `${quote(one.name)} of ${quote(name)}`)),
];

/** Of what is no secret of AWS, or is not named by its whole ARN: the text becomes what a session may read, as it is. */
function secretProblems(place: string | undefined, what: string): string[] {
  if (place === undefined) return [];
  if (place.startsWith('file:')) return [`${what} is in a file; fix: put it into Secrets Manager and give its ARN`];
  if (/-[A-Za-z0-9]{6}$/.test(place)) return [];
  return [
    `${what} is named without the six characters that Secrets Manager adds to a name; fix: give the ARN as \`aws secretsmanager describe-secret\` prints it`,
  ];
}

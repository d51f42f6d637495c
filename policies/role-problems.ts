/** Roles that no run could be given, since they cannot be narrowed to its stack: told when the policy is loaded, not by every run. */
import type { Policy, Repository, StackEntry } from './allowlist.ts';
import { quote } from './quote.ts';
import { meet } from './stack.ts';
import { stateKeysFlaw } from './state-keys.ts';

/** Sentences, each with its fix. What only some of an entry's paths lack is left to their runs. Pure. */
export function roleProblems(all: Policy['repositories'], repository: Repository): string[] {
  const { name, stacks } = repository;
  const withRole = stacks.filter(({ settings: { plan, apply } }) => (plan?.role ?? apply?.role) !== undefined);
  const withBackend = stacks.filter(({ settings: { backend } }) => backend !== undefined);
  const meets = (one: StackEntry, entries: readonly StackEntry[]) => entries.some(other => meet(one, other));

  const stateless = withRole.filter(one => !meets(one, withBackend));
  const flaws = stacks
    .filter(one => meets(one, withRole))
    .flatMap(({ settings: { reads = [] } }) => stateKeysFlaw(all, repository, reads) ?? []);
  return [
    ...stateless.map(
      ({ paths }) =>
        `${paths[0]?.text} of ${quote(name)} has a role, and nothing says where its state is kept; fix: add \`backend\``,
    ),
    ...flaws.map(({ message, fix }) => `${message}; fix: ${fix}`),
  ];
}

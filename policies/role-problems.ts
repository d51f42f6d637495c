/** Roles that no run could be given, since they cannot be narrowed to its stack: told when the policy is loaded, not by every run. */
import type { Repository, StackEntry } from './allowlist.ts';
import { quote } from './quote.ts';
import { meet } from './stack.ts';
import { stateKeysFlaw } from './state-keys.ts';

/** Sentences, each with its fix. What only some of an entry's paths lack is left to their runs. Pure. */
export function roleProblems(repository: Repository): string[] {
  const { name, stacks } = repository;
  const withRole = stacks.filter(({ settings: { plan, apply } }) => (plan?.role ?? apply?.role) !== undefined);
  const withBackend = stacks.filter(({ settings: { backend } }) => backend !== undefined);
  const inS3 = withBackend.filter(({ settings: { backend } }) => backend?.type === 's3');
  const meeting = (one: StackEntry, entries: readonly StackEntry[]) => entries.filter(other => meet(one, other));

  const stateless = withRole.filter(one => meeting(one, withBackend).length === 0);
  // A role is narrowed where it meets state in S3, and then to what is read there.
  const narrowed = stacks.filter(one => {
    const states = meeting(one, inS3);
    return meeting(one, withRole).some(other => meeting(other, states).length > 0);
  });
  const flaws = narrowed.flatMap(({ settings: { reads = [] } }) => stateKeysFlaw(repository, reads) ?? []);
  return [
    ...stateless.map(
      ({ paths }) =>
        `${paths[0]?.text} of ${quote(name)} has a role, and nothing says where its state is kept; fix: add \`backend\``,
    ),
    ...new Set(flaws.map(({ message, fix }) => `in ${quote(name)} ${message}; fix: ${fix}`)),
  ];
}

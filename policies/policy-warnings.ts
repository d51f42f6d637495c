/** What a policy allows that its writer may not have meant: a warning on one machine, an error where CI is far away. */
import type { Policy } from './allowlist.ts';
import { quote } from './quote.ts';

/** Rules that let whoever holds a token of the machine apply. Pure; empty when there are none. */
export const policyWarnings = ({ repositories }: Policy): string[] =>
  [...repositories.values()].flatMap(({ name, rules }) =>
    rules
      .filter(({ effect, commands, identity }) => effect === 'allow' && commands.has('apply') && !identity)
      .map(
        rule =>
          `rule ${quote(rule.name)} of ${quote(name)} lets whoever holds the deploy token apply; fix: add \`issuers\` and \`identity\``,
      ),
  );

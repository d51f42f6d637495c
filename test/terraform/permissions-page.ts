/** Writes the table "who may do what" for people. */
import type { ActorName } from './actors.ts';
import type { Section } from './calls.ts';

const names: Readonly<Record<ActorName, string>> = {
  ci: 'CI',
  deploy: 'deploy door',
  workerDoor: 'worker door',
  audit: 'audit door',
  keeper: 'keeper',
  worker: 'a worker itself',
  secrets: "a run's secrets",
  plan: 'a plan',
  apply: 'an apply',
  taskExecution: 'ECS starting a task',
  admin: 'administrators',
  stranger: "a stranger's credentials",
  lambda: 'Lambda',
  ecs: 'ECS',
  ecsOfAnother: 'ECS for another account',
  minute: 'the timer',
  anotherRule: 'another rule',
  job: 'a job of the project',
  jobOfAnother: 'a job of another project',
};

export const permissionsPage = (sections: readonly Section[]): string =>
  [introduction(sections[0]?.actors ?? []), ...sections.map(one => sectionText(one, sections[0]?.actors))].join('\n');

const introduction = (insiders: readonly ActorName[]): string => `# Who may do what on AWS

Judged by AWS's evaluation rules from the policies that \`terraform/\` makes, for everybody and every line: whoever is not named
is refused, and a test holds each refusal against a request that is allowed and differs in one thing. Written by
\`test/terraform/permissions.test.ts\`; change \`calls.ts\` beside it, then \`npx vitest run test/terraform/permissions.test.ts -u\`.

Each line is asked of ${who(insiders)}; where it is others, that is said.

* **a worker itself**: the own role of worker functions and tasks; all that planned code finds in its environment.
* **a run's secrets**: the session by which a worker reads its deploy key, and later its \`env_secrets\`.
* **a plan**, **an apply**: sessions of roles that the policy names, for the stack \`prod/app\`, which \`reads\` \`network/**\`. The
  roles' own policies allow everything here: what is refused is refused by the permissions boundary and the session policy.
* **administrators**: whoever has \`AdministratorAccess\` in the account. They can change what stands here, which CloudTrail shows.

Two things no policy here can say. A state bucket's own policy that allows reading to \`"Principal": "*"\` under a condition allows
it to every run of that account, past the session policy. And a boundary does not end the power of others in its account: see
[SECURITY.md](../SECURITY.md#what-a-boundary-cannot-do).
`;

function sectionText({ title, actors, calls }: Section, insiders: readonly ActorName[] | undefined): string {
  const rows = calls.map(({ what, action, through, may }) => {
    const needs = `\`${action}\`${through === undefined ? '' : ` through \`${through}\``}`;
    return `| ${what} | ${needs} | ${who(actors.filter(actor => may.includes(actor)))} |`;
  });
  const asked = actors.join() === insiders?.join() ? [] : [`Asked of ${who(actors)}.`, ''];
  return [`## ${title}`, '', ...asked, '| to | needs | and may |', '|---|---|---|', ...rows, ''].join('\n');
}

const who = (actors: readonly ActorName[]): string => actors.map(actor => names[actor]).join(', ') || '**nobody**';

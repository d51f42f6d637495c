/** Every flag there is: parsing, help, completion, environment twins and the config file's keys are read off this table. */

export interface Flag {
  /** What its value is called in the help; a flag without it is a switch. */
  readonly takes?: string;
  /** The only values it has. */
  readonly values?: readonly string[];
  readonly completes?: 'files' | 'directories';
  /** May stand in the config file: what holds for a whole repository, not for one request. */
  readonly config?: true;
  readonly help: string;
}

const table = {
  command: { takes: 'COMMAND', values: ['plan', 'apply'], help: 'what to do: plan or apply' },
  path: {
    takes: 'PATH',
    completes: 'directories',
    help: 'directory of the stack in the repository; on a laptop the current one',
  },
  ref: {
    takes: 'REF',
    config: true,
    help: "branch or tag; in GitLab the pipeline's, on a laptop the branch's upstream",
  },
  repo: { takes: 'NAME', config: true, help: "the policy's name or url of the repository, where it has several" },
  sha: { takes: 'COMMIT', help: 'the commit that is meant: the tip of the ref or an ancestor of it' },
  'plan-id': { takes: 'ID', help: 'the plan to apply; left out, the one good plan of this commit' },
  server: {
    takes: 'SERVER',
    help: 'where the deploy server is: http(s)://host[:port], or lambda:NAME, its function on AWS',
  },
  timeout: { takes: 'DURATION', config: true, help: 'stop waiting after this long, as 90s, 30m or 1h30m' },
  'request-id': { takes: 'ID', help: 'names this request: sent again, it starts nothing twice' },
  'run-file': { takes: 'FILE', completes: 'files', help: 'where id and key of the run are written to, or read from' },
  'detailed-exitcode': { config: true, help: 'a plan with changes ends with exit code 2' },
  follow: { help: 'wait for the end of the run and end with its exit code' },
  state: {
    takes: 'STATE',
    values: ['queued', 'starting', 'running', 'succeeded', 'failed', 'canceled', 'timed_out', 'lost'],
    help: 'only runs in this state',
  },
  limit: { takes: 'N', help: 'at most so many runs' },
  json: { config: true, help: 'one JSON object on stdout, everything for people on stderr' },
  'no-color': { config: true, help: 'no colours, also those of Terraform' },
  verbose: { config: true, help: "show also what is held back, such as init's output" },
  config: { takes: 'FILE', completes: 'files', help: 'config file; else .infra-deployer.yaml, searched upward' },
  help: { help: 'this help' },
  version: { help: 'the version' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof table;

export const flags: Readonly<Record<FlagName, Flag>> = table;

export const isFlagName = (name: string): name is FlagName => Object.hasOwn(flags, name);

export const flagNames = Object.keys(flags).filter(isFlagName);

/** The environment variable that stands for a flag. */
export const twinOf = (name: FlagName): string => `INFRA_DEPLOYER_${name.replaceAll('-', '_').toUpperCase()}`;

/** The commands of the CLI; the code of each is loaded when it is called, so that help and completion start fast. */
import type { FlagName } from './flags.ts';
import type { Action } from './invocation.ts';

export interface CliCommand {
  /** The words that call it; none for the main one. */
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  /** The one word it takes after its name. */
  readonly operand?: { readonly name: string; readonly values?: readonly string[] };
  readonly flags: readonly FlagName[];
  readonly load: () => Promise<Action>;
}

const everywhere = ['help', 'version'] as const;
const talking = ['json', 'no-color', 'config', ...everywhere] as const;

export const mainCommand: CliCommand = {
  name: '',
  summary: 'plan or apply one stack through the deploy server',
  examples: [
    'infra-deployer --command plan --path prod/vpc',
    'infra-deployer --command apply --path prod/vpc --plan-id r_…',
    'infra-deployer --command plan --path prod/vpc --ref main --json',
  ],
  flags: [
    ...(['command', 'path', 'ref', 'repo', 'sha', 'plan-id', 'server', 'timeout', 'request-id', 'run-file'] as const),
    ...(['detailed-exitcode', 'verbose', ...talking] as const),
  ],
  load: async () => (await import('./submit.ts')).submit,
};

export const commands: readonly CliCommand[] = [
  mainCommand,
  {
    name: 'runs list',
    summary: 'list runs, newest first (for auditors: the audit token, on AWS the audit function)',
    examples: ['infra-deployer runs list --path prod/vpc --state failed'],
    flags: ['path', 'repo', 'state', 'limit', 'server', ...talking],
    load: async () => (await import('./runs.ts')).list,
  },
  {
    name: 'runs show',
    summary: 'show one run',
    examples: ['infra-deployer runs show r_…', 'infra-deployer runs show --run-file run.json'],
    operand: { name: 'ID' },
    flags: ['server', 'run-file', ...talking],
    load: async () => (await import('./runs.ts')).show,
  },
  {
    name: 'runs logs',
    summary: 'print the log of one run',
    examples: ['infra-deployer runs logs r_… --follow'],
    operand: { name: 'ID' },
    flags: ['follow', 'timeout', 'detailed-exitcode', 'server', 'run-file', ...talking],
    load: async () => (await import('./runs.ts')).logs,
  },
  {
    name: 'runs cancel',
    summary: 'stop one run: Terraform finishes what it started and saves its state',
    examples: ['infra-deployer runs cancel r_…'],
    operand: { name: 'ID' },
    flags: ['server', 'run-file', ...talking],
    load: async () => (await import('./runs.ts')).cancel,
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    examples: ['source <(infra-deployer completion bash)'],
    operand: { name: 'SHELL', values: ['bash', 'zsh', 'fish'] },
    flags: everywhere,
    load: async () => (await import('./completion.ts')).completion,
  },
];

/** The human words for a request, a run and a failure: data in, lines out. */
import type { Run } from '../policies/contract/run.ts';
import { version } from '../policies/contract/version.ts';
import { changeLines, changeSummary } from './changes.ts';
import { bold, dim, green, red, yellow } from './colour.ts';
import { formatDuration } from './duration.ts';
import type { Failure } from './failure.ts';
import type { Settings } from './settings.ts';
import { columns } from './table.ts';

/** What is asked for, each value with its source. `run` is there once the server has accepted it. */
export function header(settings: Settings, tokenSource: string, run?: Run): string[] {
  const { command, path, ref, repo, sha, title, planId, timeout, server } = settings;
  const commit = sha && [shortCommit(sha.value), ...(title ? [`"${title.slice(0, 60)}"`] : [])].join('  ');
  const rows: (readonly [string, string | undefined, string | undefined])[] = [
    ['path', path.source === '--path' ? undefined : path.value, path.source],
    ['repo', run?.repo ?? repo?.value, repo?.source ?? 'policy: only repository'],
    ['ref', ref.value, ref.source],
    ['commit', commit, sha?.source],
    ['plan', planId?.value, planId?.source],
    ['timeout', timeout && formatDuration(timeout.value), timeout?.source],
    ['caller', run?.caller, tokenSource],
    ['server', server.value, server.source],
  ];
  const cells = rows.flatMap(([name, value, source]) => (value === undefined ? [] : [[name, value, `(${source})`]]));
  return [
    bold(`infra-deployer ${version} · ${command.value} ${path.value}`),
    ...columns(cells).map(row => {
      const at = row.lastIndexOf('  (') + 2;
      return `  ${row.slice(0, at)}${dim(row.slice(at))}`;
    }),
  ];
}

export const accepted = ({ rule, id }: Run): string => `${green('✔')} allowed by rule ${bold(rule)} · run ${bold(id)}`;

/** How a run ended well, and what it changes or has changed. */
export function success(run: Run): string[] {
  const { command, changes = [], timings, serial, tip, commit, ref } = run;
  const took = timings[command];
  const parts = [
    `${command}: ${changeSummary(run)}`,
    ...(took === undefined ? [] : [formatDuration(took)]),
    ...(command === 'apply' && serial?.after !== undefined ? [`state serial ${serialLine(serial)}`] : []),
  ];
  const lines = [`${green('✔')} ${bold(parts.join(' · '))}`];
  if (command === 'plan') lines.push(...changeLines(changes));
  if (tip !== undefined && commit !== undefined && tip !== commit) {
    lines.push(
      yellow(`  ${ref ?? run.requestedRef} has moved on to ${shortCommit(tip)}; this is ${shortCommit(commit)}`),
    );
  }
  return lines;
}

export function serialLine({ before, after }: NonNullable<Run['serial']>): string {
  const known = [before, after].filter(serial => serial !== undefined);
  return [...new Set(known)].join(' → ');
}

/** What went wrong, why, and how to fix it. */
export function explained({ message, fix, reasons = [], status }: Failure): string[] {
  return [
    red(`✘ ${status === 403 ? 'denied: ' : ''}${message}`),
    ...reasons.filter(reason => reason.message !== message).map(reason => `  ${reason.message}`),
    ...fixLines(fix),
  ];
}

/** The same, and the last line, which is the one that people and machines look for. */
export function problem(failure: Failure, exitCode: number, run?: Run): string[] {
  const { code, requestId } = failure;
  return [
    ...explained(failure),
    [`exit ${exitCode}`, code, ...(run ? [`run ${run.id}`] : requestId ? [`request ${requestId}`] : [])].join(' · '),
  ];
}

function fixLines(fix: string | undefined): string[] {
  const [first, ...rest] = fix?.split('\n') ?? [];
  return first === undefined ? [] : [`  ${bold('fix:')} ${first}`, ...rest.map(line => `       ${line}`)];
}

/** The failure a run ended with; none when it succeeded. */
export function failureOf(run: Run): Failure | undefined {
  if (run.state === 'succeeded') return undefined;
  const { code, message, fix } = run.error ?? { code: 'E_WORKER', message: `it is ${run.state}, and nobody said why` };
  // The worker's refusals (exit codes 5 and 6) are not failures of its work.
  const isRefused = run.state === 'failed' && (run.exitCode === 5 || run.exitCode === 6);
  const end = isRefused ? 'was refused' : (endings.get(run.state) ?? run.state);
  return { code, message: `${run.command} of ${run.path} ${end}: ${message}`, ...(fix === undefined ? {} : { fix }) };
}

const endings: ReadonlyMap<string, string> = new Map([
  ['failed', 'failed'],
  ['canceled', 'was canceled'],
  ['timed_out', 'timed out'],
  ['lost', 'was lost'],
]);

export const shortCommit = (commit: string): string => commit.slice(0, 8);

/** A run as a page and runs as a table, for those who look at them afterwards. */

import type { Run } from '../policies/contract/run.ts';
import { changeLines, changeSummary } from './changes.ts';
import { bold, dim, red } from './colour.ts';
import { formatDuration } from './duration.ts';
import { phaseOrder } from './progress.ts';
import { serialLine, shortCommit } from './render.ts';
import { columns } from './table.ts';

export function runPage(run: Run): string[] {
  const { worker, tool, planId, serial, error, timings, position } = run;
  const waits = position ? ` · ${position} ahead` : '';
  const phases = phaseOrder.flatMap(phase => {
    const ms = timings[phase];
    return ms === undefined ? [] : [`${phase} ${formatDuration(ms)}`];
  });
  const rows: (readonly [string, string | undefined])[] = [
    ['state', stateLine(run) + waits],
    ['repo', run.repo],
    ['path', run.path],
    ['ref', run.ref ?? run.requestedRef],
    ['commit', run.commit],
    ['tip', run.tip === run.commit ? undefined : run.tip],
    ['rule', run.rule],
    ['caller', run.caller],
    ['plan', planId === run.id ? 'saved' : planId],
    ['worker', worker],
    ['tool', tool && `${tool.binary} ${tool.version ?? ''}`.trim()],
    ['serial', serial && serialLine(serial)],
    ['asked', timeOf(run.createdAt)],
    ['ended', run.endedAt && `${timeOf(run.endedAt)}, after ${tookLine(run)}`],
    ['phases', phases.length > 0 ? phases.join(' · ') : undefined],
    ['changes', run.counts && changeSummary(run)],
  ];
  return [
    bold(`${run.id} · ${run.command} ${run.path}`),
    ...columns(rows.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, value]]))),
    ...changeLines(run.changes ?? []).map(line => `  ${line}`),
    ...(error ? [red(`  ✘ ${error.code}: ${error.message}`)] : []),
    ...(error?.fix ? [`    fix: ${error.fix}`] : []),
  ];
}

export function runTable(runs: readonly Run[]): string[] {
  if (runs.length === 0) return ['no runs'];
  const [head = '', ...rows] = columns([
    ['RUN', 'STATE', 'COMMAND', 'PATH', 'REF', 'COMMIT', 'ASKED (UTC)', 'TOOK', 'CALLER'],
    ...runs.map(run => [
      run.id,
      run.state,
      run.command,
      run.path,
      run.ref ?? run.requestedRef,
      run.commit ? shortCommit(run.commit) : '–',
      timeOf(run.createdAt),
      run.endedAt ? tookLine(run) : '–',
      run.caller,
    ]),
  ]);
  return [dim(head), ...rows];
}

const stateLine = ({ state, exitCode, phase, endedAt }: Run) =>
  endedAt === undefined ? `${state}, ${phase}` : `${state}${exitCode === undefined ? '' : ` · exit ${exitCode}`}`;

const timeOf = (time: string) => time.replace('T', ' ').replace(/(?:\.\d+)?Z$/, '');

function tookLine({ createdAt, endedAt }: Run): string {
  const ms = Date.parse(endedAt ?? '') - Date.parse(createdAt);
  return Number.isFinite(ms) ? formatDuration(Math.max(ms, 0)) : '–';
}

/** Tells how a run goes on, from the answers it is followed by: phases, the place in the queue, the tool's output. */
import type { Logs, Phase, Run } from '../policies/contract/run.ts';
import { bold, dim, green } from './colour.ts';
import { formatDuration } from './duration.ts';
import { shortCommit } from './render.ts';
import type { Screen } from './screen.ts';

export interface Progress {
  see: (logs: Logs) => void;
  /** The run has ended: shows what was held back when that is where it failed. */
  end: (run: Run) => void;
}

export const phaseOrder: readonly Phase[] = ['queue', 'worker', 'source', 'gate', 'init', 'plan', 'apply', 'finish'];
const isPast = (run: Run, phase: Phase) => phaseOrder.indexOf(run.phase) > phaseOrder.indexOf(phase);

/** The output of these is what people came for; that of the others is held back unless `verbose`. */
const isShown = (phase: Phase) => phase === 'plan' || phase === 'apply';

/** `cap`: after so many bytes of the tool's output, one line that says where the rest is, and no more of it. */
export interface OutputCap {
  readonly bytes: number;
  readonly marker: string;
}

export function followProgress(
  screen: Pick<Screen, 'line' | 'tool' | 'status'>,
  verbose: boolean,
  cap?: OutputCap,
): Progress {
  let heldBack: { phase: Phase; text: string }[] = [];
  let heading: Phase | undefined;
  let waiting = '';
  let hasPreparation = false;
  let hasInit = false;
  let bytesShown = 0;

  const named = ({ tool }: Run, phase: Phase) => (tool && isTool(phase) ? `${tool.binary} ${phase}` : phase);

  const print = (run: Run, phase: Phase, text: string) => {
    if (phase !== heading) screen.line(bold(`▾ ${named(run, phase)}`));
    heading = phase;
    if (cap === undefined) return screen.tool(text);
    if (bytesShown > cap.bytes) return;
    bytesShown += Buffer.byteLength(text) + 1;
    if (bytesShown > cap.bytes) screen.line(cap.marker);
    else screen.tool(text);
  };

  /** One line for all that comes before the tool, as soon as it is over. */
  const tellPreparation = (run: Run) => {
    if (hasPreparation) return;
    hasPreparation = true;
    const parts = (['queue', 'worker', 'source', 'gate'] as const).flatMap(phase => {
      const ms = run.timings[phase];
      if (ms === undefined) return [];
      const more = detail(run, phase);
      return [
        `${green('✔')} ${phase === 'queue' ? 'queued' : phase} ${formatDuration(ms)}${more && dim(` (${more})`)}`,
      ];
    });
    if (parts.length > 0) screen.line(parts.join('   '));
    if (run.command === 'apply' && run.planId && run.commit) {
      screen.line(`${green('✔')} plan ${run.planId} is of the same commit`);
    }
  };

  const tellInit = (run: Run) => {
    const ms = run.timings.init;
    if (verbose || hasInit || ms === undefined) return;
    hasInit = true;
    if (heading === undefined) screen.line(dim(`▸ ${named(run, 'init')} ${formatDuration(ms)}`));
  };

  const tellQueue = ({ position = 0, ahead = [], path, state }: Run) => {
    if (state !== 'queued' || position === 0) return;
    const next = ahead[0] === undefined ? '' : `, next to end: ${ahead[0]}`;
    const line = `… queued: ${position} ${position === 1 ? 'run' : 'runs'} of ${path} ahead${next}`;
    if (line !== waiting) screen.line(line);
    waiting = line;
  };

  return {
    see: ({ run, lines }) => {
      tellQueue(run);
      if (isPast(run, 'gate')) tellPreparation(run);
      for (const { phase, text } of lines) {
        if (!verbose && !isShown(phase)) {
          heldBack.push({ phase, text });
          continue;
        }
        tellInit(run);
        print(run, phase, text);
      }
      if (isPast(run, 'init')) tellInit(run);
      screen.status(run.endedAt ? undefined : statusOf(run, named));
    },
    end: run => {
      screen.status();
      tellPreparation(run);
      // Once the tool's own output was shown, the reason is in it.
      if (run.state !== 'succeeded' && heading === undefined) {
        for (const { phase, text } of heldBack) print(run, phase, text);
      } else {
        tellInit(run);
      }
      heldBack = [];
    },
  };
}

function detail({ worker = '', commit }: Run, phase: Phase): string {
  if (phase === 'worker') return worker;
  return phase === 'source' && commit ? `commit ${shortCommit(commit)}` : '';
}

const isTool = (phase: Phase) => phase === 'init' || isShown(phase);

function statusOf(run: Run, named: (run: Run, phase: Phase) => string): string {
  if (run.state === 'queued') return run.position ? `queued behind ${run.position}` : 'queued';
  return named(run, run.phase);
}

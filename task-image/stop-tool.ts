/** Ends a running tool: one interrupt and time to save its state, or everything at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from './start-tool.ts';
import { type ToolProcess, toolProcesses } from './tool-processes.ts';

export interface Stopper {
  readonly processes: () => readonly ToolProcess[];
  /** Interrupts, and kills what is still there when the grace is over. Only the first call counts. */
  readonly interrupt: () => Promise<void>;
  readonly kill: () => void;
  readonly wasKilled: () => boolean;
  /** The tool has exited: what it has left must not live on, and its numbers may soon be somebody else's. */
  readonly ended: () => void;
}

const lookMs = 50;

export function stopper({ pid, first, uid }: Running, graceMs: () => number): Stopper {
  let state: 'runs' | 'interrupted' | 'killed' | 'ended' = 'runs';
  let wasKilled = false;

  /** Answers false when nobody is there yet who would obey. */
  const interruptNow = (): boolean => {
    const all = toolProcesses(pid, uid);
    if (all === undefined) return signal(-pid, 'SIGINT');
    const leader = all.find(one => one.pid === first);
    if (leader && !leader.isWrapper && !leader.catchesInterrupt) return false;
    // Not the wrappers: they would hand it on, and a second interrupt makes Terraform drop what it holds.
    const obeying = all.filter(one => !one.isWrapper);
    for (const one of obeying) signal(one.pid, 'SIGINT');
    return obeying.length > 0;
  };

  const killAll = (): void => {
    // The kernel ends the whole namespace with its first process, and bubblewrap tells when that is done.
    if (first !== undefined) return void signal(first, 'SIGKILL');
    for (const one of toolProcesses(pid, uid) ?? []) signal(one.pid, 'SIGKILL');
    signal(-pid, 'SIGKILL');
  };

  const kill = (): void => {
    if (state === 'ended' || state === 'killed') return;
    state = 'killed';
    wasKilled = true;
    killAll();
  };

  return {
    processes: () => toolProcesses(pid, uid) ?? [],
    interrupt: async () => {
      if (state !== 'runs') return;
      state = 'interrupted';
      const until = Date.now() + graceMs();
      const isOpen = (): boolean => state === 'interrupted' && Date.now() < until;
      while (isOpen() && !interruptNow()) await sleep(lookMs, undefined, { ref: false });
      await sleep(Math.max(0, until - Date.now()), undefined, { ref: false });
      kill();
    },
    kill,
    wasKilled: () => wasKilled,
    ended: () => {
      state = 'ended';
      signal(-pid, 'SIGKILL');
      if (uid !== undefined) killUser(pid, uid);
    },
  };
}

/** Until there is none: one that forks faster than it is looked for would be missed the first time. */
function killUser(pid: number, uid: number): void {
  for (let rounds = 0; rounds < 100; rounds += 1) {
    const left = toolProcesses(pid, uid)?.filter(one => !one.hasEnded) ?? [];
    if (left.length === 0) return;
    for (const one of left) signal(one.pid, 'SIGKILL');
  }
}

function signal(pid: number, name: NodeJS.Signals): true {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone, which is what is wanted.
  }
  return true;
}

/** The processes of a running tool, as /proc knows them. */
import { readdirSync, readFileSync, statSync } from 'node:fs';

export interface ToolProcess {
  readonly pid: number;
  /** Starts others and waits for them: it ends by itself once they have ended. */
  readonly isWrapper: boolean;
  /** Catches an interrupt: process 1 of a namespace does not even get one that it does not catch. */
  readonly catchesInterrupt: boolean;
  /** Was not waited for yet. */
  readonly hasEnded: boolean;
  /** What it has for itself, and shares with others without a file behind it. */
  readonly memoryBytes: number;
  readonly threads: number;
}

/** Of whose tool: what descends from `pid`, is in its process group, or runs as its user. Undefined without a /proc. */
export function toolProcesses(pid: number, uid?: number): ToolProcess[] | undefined {
  const all = relatives();
  if (all.length === 0) return undefined;
  const children = Map.groupBy(all, one => one.parent);
  const found = new Set<number>();
  for (const one of all)
    if (one.pid === pid || one.group === pid || (uid !== undefined && ownerOf(one.pid) === uid)) found.add(one.pid);
  // A set hands on what is added meanwhile. No recursion: a chain of children may be longer than the stack.
  for (const parent of found) for (const child of children.get(parent) ?? []) found.add(child.pid);
  return [...found].map(processOf).filter(one => one !== undefined);
}

interface Relative {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

function relatives(): Relative[] {
  return pids().flatMap(pid => {
    const stat = read(`/proc/${pid}/stat`);
    // The name, in parentheses, may hold anything.
    const [, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === undefined ? [] : [{ pid, parent: Number(parent), group: Number(group) }];
  });
}

function processOf(pid: number): ToolProcess | undefined {
  const status = read(`/proc/${pid}/status`);
  if (status === '') return undefined;
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '0';
  const interrupt = 1n << 1n;
  return {
    pid,
    isWrapper: /^Name:\s+(?:bwrap|terragrunt)/.test(status),
    catchesInterrupt: (BigInt(`0x${field('SigCgt')}`) & interrupt) !== 0n,
    hasEnded: field('State') === 'Z',
    memoryBytes: (Number(field('RssAnon')) + Number(field('RssShmem'))) * 1024,
    threads: Number(field('Threads')),
  };
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

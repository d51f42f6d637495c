/** The policy in force: read from its file when that changes; a broken edit keeps the last good one and says so. */
import { readFileSync, statSync } from 'node:fs';
import type { Policy } from '../policies/allowlist.ts';
import { parseAllowlist } from '../policies/parse.ts';
import { digestOf } from './secret.ts';

export interface PolicyInForce {
  readonly policy: Policy;
  /** SHA-256 of the file's bytes. */
  readonly digest: string;
}

export interface PolicySource {
  /** The policy for a decision that is made now. */
  readonly current: () => Promise<PolicyInForce>;
}

export interface PolicyFile extends PolicySource {
  /** What is wrong with the file as it is now; empty when it is the policy in force. */
  readonly problems: () => readonly string[];
}

export interface PolicyListener {
  readonly changed: (inForce: PolicyInForce) => void;
  readonly broken: (problems: readonly string[]) => void;
}

/** A change is taken once the file has been left alone for so long. */
const settledMs = 250;

/** Reads the file once; what is wrong with it is thrown as an `Error` that lists every problem with file and line. */
export function policyFile(file: string, listener: PolicyListener, now: () => number): PolicyFile {
  let seen: string | undefined;
  let problems: readonly string[] = [];
  let inForce: PolicyInForce | undefined;

  const refresh = (): void => {
    const { stamp, at } = stampOf(file);
    const age = now() - at;
    // Somebody may be writing still, and half a policy may lack a rule that denies.
    if (stamp === seen || (inForce && age >= 0 && age < settledMs)) return;
    seen = stamp;
    const read = load(file);
    problems = read.ok ? [] : read.problems;
    if (!read.ok && inForce) listener.broken(problems);
    if (read.ok && read.value.digest !== inForce?.digest) {
      inForce = read.value;
      listener.changed(inForce);
    }
  };

  refresh();
  if (inForce === undefined) throw new Error(problems.join('\n'));
  return {
    current: async () => {
      refresh();
      return inForce as PolicyInForce;
    },
    problems: () => {
      refresh();
      return problems;
    },
  };
}

/** Changes whenever the file does; the code of the error while it cannot be read. */
function stampOf(file: string): { readonly stamp: string; readonly at: number } {
  try {
    const { mtimeNs, ctimeNs, ctimeMs, size, ino } = statSync(file, { bigint: true });
    return { stamp: `${mtimeNs} ${ctimeNs} ${size} ${ino}`, at: Number(ctimeMs) };
  } catch (error) {
    return { stamp: `${(error as NodeJS.ErrnoException).code}`, at: Number.NEGATIVE_INFINITY };
  }
}

function load(file: string): { ok: true; value: PolicyInForce } | { ok: false; problems: readonly string[] } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { ok: false, problems: [`${file}: cannot be read: ${(error as NodeJS.ErrnoException).code}`] };
  }
  const parsed = parseAllowlist(text, file);
  return parsed.ok ? { ok: true, value: { policy: parsed.policy, digest: digestOf(text) } } : parsed;
}

/** Changes one run by a pure step, again from the start when somebody else was faster. */
import { type Result, refuse } from '../policies/contract/error.ts';
import type { Effects, Ledger } from './ledger.ts';
import type { RunRecord } from './run.ts';

/** A step answers the run that follows, or a refusal; `effects` are stored in the same transaction. */
export type Step = (run: RunRecord) => Promise<Result<RunRecord>> | Result<RunRecord>;

export async function update(
  ledger: Ledger,
  id: string,
  step: Step,
  effects: (next: RunRecord, before: RunRecord) => Effects = () => ({}),
): Promise<Result<RunRecord>> {
  for (;;) {
    const run = await ledger.get(id);
    if (run === undefined) return refuse('E_NOT_FOUND', `there is no run \`${id}\``);
    const next = await step(run);
    if (!next.ok || next.value === run) return next;
    const stored = await ledger.transition(run.version, next.value, effects(next.value, run));
    if (stored === 'spent')
      return refuse('E_PLAN_USED', 'the plan has been used', 'plan again, look at it, then apply');
    if (stored !== 'conflict') return { ok: true, value: stored };
  }
}

/** Signs the record of a saved plan, and finds the one receipt that an apply may spend. */
import { canonicalJson } from './canonical-json.ts';
import { type ErrorCode, ok, type Result, refuse } from './contract/error.ts';
import type { Receipt } from './contract/receipt.ts';

/** `spent`: an apply of it has started, `spentBy`. `stale`: another apply has since changed the stack. */
export interface StoredReceipt {
  readonly receipt: Receipt;
  readonly mac: string;
  readonly status: 'good' | 'spent' | 'stale';
  readonly spentBy?: string;
}

/** `isGenuine`: whoever holds the key has found that `mac` is the code of `receiptText`. */
export interface CheckedReceipt extends StoredReceipt {
  readonly isGenuine: boolean;
}

/** What the apply is about. `commit` may be left out only where `planId` names the plan. `now` is RFC 3339. */
export interface WantedReceipt {
  readonly repo: string;
  readonly path: string;
  readonly commit?: string;
  readonly planId?: string;
  readonly now: string;
}

/** What the code of a receipt is made of. */
export const receiptText = (receipt: Receipt): string => canonicalJson(receipt);

export function selectReceipt(stored: readonly CheckedReceipt[], wanted: WantedReceipt): Result<Receipt> {
  return wanted.planId === undefined ? onlyReceipt(stored, wanted) : namedReceipt(stored, wanted, wanted.planId);
}

function namedReceipt(stored: readonly CheckedReceipt[], wanted: WantedReceipt, planId: string): Result<Receipt> {
  const named = stored.find(({ receipt }) => receipt.planId === planId);
  if (named === undefined) return refuse('E_PLAN_MISSING', `there is no plan ${planId}`, planAgain(wanted));
  const { repo, path, commit } = named.receipt;
  if (repo !== wanted.repo || path !== wanted.path) {
    return refuse('E_PLAN_OTHER_STACK', `plan ${planId} is not a plan of ${wanted.path}`, planAgain(wanted));
  }
  if (wanted.commit !== undefined && commit !== wanted.commit) {
    return refuse(
      'E_PLAN_OTHER_COMMIT',
      `plan ${planId} was made from commit ${commit}, not ${wanted.commit}`,
      planAgain(wanted),
    );
  }
  return usable(named, wanted);
}

function onlyReceipt(stored: readonly CheckedReceipt[], wanted: WantedReceipt): Result<Receipt> {
  const answers = stored
    .filter(
      ({ receipt: { repo, path, commit } }) => repo === wanted.repo && path === wanted.path && commit === wanted.commit,
    )
    .map(candidate => usable(candidate, wanted));
  const [good, ...more] = answers.flatMap(answer => (answer.ok ? [answer] : []));
  if (good === undefined) return mostTelling(answers) ?? missing(wanted);
  if (more.length === 0) return good;
  const ids = [good, ...more].map(({ value }) => value.planId).join(', ');
  return refuse(
    'E_PLAN_AMBIGUOUS',
    `${wanted.path} has ${more.length + 1} plans of this commit`,
    `name one with --plan-id: ${ids}`,
  );
}

function usable({ receipt, isGenuine, status, spentBy }: CheckedReceipt, wanted: WantedReceipt): Result<Receipt> {
  const { planId, expiresAt } = receipt;
  const why = (code: ErrorCode, message: string) => refuse(code, `plan ${planId} ${message}`, planAgain(wanted));
  // First, because a receipt that was changed says nothing true.
  if (!isGenuine) return why('E_PLAN_DAMAGED', 'is not as it was stored');
  if (status === 'spent')
    return why('E_PLAN_USED', spentBy === undefined ? 'was applied already' : `was applied already by run ${spentBy}`);
  if (status === 'stale') return why('E_PLAN_STALE', 'no longer fits: the stack was changed after it was made');
  if (!(Date.parse(expiresAt) > Date.parse(wanted.now))) return why('E_PLAN_EXPIRED', `expired at ${expiresAt}`);
  return ok(receipt);
}

/** With no good plan left, the one that came closest says best what happened. */
function mostTelling(answers: readonly Result<Receipt>[]): Result<Receipt> | undefined {
  const order: readonly ErrorCode[] = ['E_PLAN_USED', 'E_PLAN_STALE', 'E_PLAN_EXPIRED', 'E_PLAN_DAMAGED'];
  return order.flatMap(code => answers.filter(answer => !answer.ok && answer.problem.code === code))[0];
}

const missing = (wanted: WantedReceipt): Result<never> =>
  refuse(
    'E_PLAN_MISSING',
    `there is no plan of ${wanted.path} at commit ${wanted.commit ?? '(none given)'}`,
    planAgain(wanted),
  );

const planAgain = ({ path }: WantedReceipt): string =>
  `plan it, look at the plan, then apply: infra-deployer --command plan --path ${path}`;

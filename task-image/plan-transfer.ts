/** Takes a saved plan to where plans are kept, and back: by a url that is good for this one plan. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceAnswer } from '../policies/contract/worker.ts';
import type { Control } from './control.ts';
import { Failure } from './failure.ts';

const timeoutMs = 120_000;
const retryMs = 200;

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Again while nobody answers, or not now, for one lease: longer than that nothing goes on without the door. */
async function repeated({ stop, claimed }: Pick<Control, 'stop' | 'claimed'>, ask: () => Promise<Response>) {
  const since = Date.now();
  const isOver = () => stop.aborted || Date.now() - since > claimed.leaseMs;
  for (;;) {
    const response = await ask().catch(error => {
      if (isOver()) throw error;
    });
    if (response && (isOver() || !isBusy(response))) return response;
    await response?.body?.cancel();
    await sleep(retryMs);
  }
}

/** A moment's trouble, which S3 tells like this; 409 while a try before this one, whose answer got lost, is being written. */
const isBusy = ({ status }: Response): boolean => [409, 500, 503].includes(status);

export async function storePlan(control: Control, bytes: Buffer): Promise<void> {
  const digest = digestOf(bytes);
  const url = await control.grantPlan({ digest, size: bytes.length });
  const response = await repeated(control, () =>
    fetch(url, {
      method: 'PUT',
      headers: {
        'content-type': 'application/octet-stream',
        // What a grant of S3 is bound to; a door of this machine knows without.
        'if-none-match': '*',
        'x-amz-checksum-sha256': Buffer.from(digest, 'hex').toString('base64'),
      },
      body: new Uint8Array(bytes),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    }),
  );
  // It was there already: every grant of a run is for the same bytes, and an answer may have got lost.
  if (!response.ok && response.status !== 412)
    throw new Failure('E_WORKER', `the plan could not be stored: status ${response.status}`);
}

export async function fetchPlan(
  control: Pick<Control, 'stop' | 'claimed'>,
  plan: NonNullable<SourceAnswer['plan']>,
): Promise<Buffer> {
  const response = await repeated(control, () =>
    fetch(plan.url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) }),
  );
  const bytes = response.ok ? Buffer.from(await response.arrayBuffer()) : Buffer.alloc(0);
  // INVARIANT: what is applied is, byte for byte, what the receipt says.
  if (bytes.length === plan.size && digestOf(bytes) === plan.digest) return bytes;
  throw new Failure(
    'E_PLAN_DAMAGED',
    'the stored plan is not the one that was made',
    'plan again, look at it, then apply',
  );
}

/** Takes a saved plan to where plans are kept, and back: by a url that is good for this one plan. */
import { createHash } from 'node:crypto';
import type { SourceAnswer } from '../policies/contract/worker.ts';
import type { Control } from './control.ts';
import { Failure } from './failure.ts';

const timeoutMs = 120_000;

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export async function storePlan(control: Control, bytes: Buffer): Promise<void> {
  const url = await control.grantPlan({ digest: digestOf(bytes), size: bytes.length });
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(bytes),
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok) throw new Failure('E_WORKER', `the plan could not be stored: status ${response.status}`);
}

export async function fetchPlan(plan: NonNullable<SourceAnswer['plan']>): Promise<Buffer> {
  const response = await fetch(plan.url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  const bytes = response.ok ? Buffer.from(await response.arrayBuffer()) : Buffer.alloc(0);
  // INVARIANT: what is applied is, byte for byte, what the receipt says.
  if (bytes.length === plan.size && digestOf(bytes) === plan.digest) return bytes;
  throw new Failure(
    'E_PLAN_DAMAGED',
    'the stored plan is not the one that was made',
    'plan again, look at it, then apply',
  );
}

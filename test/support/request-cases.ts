/** The requests of the security cases, as bytes, and the policy that they are about. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RequestCase {
  readonly id: string;
  readonly why: string;
  /** Where it ends at the earliest. */
  readonly phase: 'syntax' | 'policy' | 'resolve' | 'state' | 'run';
  readonly body: Buffer;
}

interface WrittenCase extends Omit<RequestCase, 'body'> {
  readonly payload: unknown;
  readonly raw_body?: { readonly base64: string };
}

const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

export const theirPolicy = (): string => read('policies/allowlist.yaml');

export function requestCases(): readonly RequestCase[] {
  const written: readonly WrittenCase[] = JSON.parse(read('test/policies/request-cases.json'));
  return written.map(({ id, why, phase, payload, raw_body }) => ({
    id,
    why,
    phase,
    body: raw_body ? Buffer.from(raw_body.base64, 'base64') : Buffer.from(JSON.stringify(payload)),
  }));
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../policies/evaluate.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { readRequest } from '../../policies/request.ts';

interface Case {
  readonly id: string;
  readonly phase: 'syntax' | 'policy' | 'resolve' | 'run';
  readonly payload: unknown;
  readonly raw_body?: { readonly base64: string };
}

const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
const cases: readonly Case[] = JSON.parse(read('request-cases.json'));
const policy = parseAllowlist(read('../../policies/allowlist.yaml'), 'allowlist.yaml');

/** Where a request ends: at its syntax, at the policy, or past both. */
function fate({ payload, raw_body }: Case): 'syntax' | 'policy' | 'allowed' {
  const request = readRequest(raw_body ? Buffer.from(raw_body.base64, 'base64') : Buffer.from(JSON.stringify(payload)));
  if (!request.ok) return 'syntax';
  if (!policy.ok) throw new Error(policy.problems.join('\n'));
  return evaluate(policy.policy, request.value).outcome === 'deny' ? 'policy' : 'allowed';
}

describe('the request cases against the example policy', () => {
  test('are there', () => {
    expect(cases.length).toBeGreaterThan(130);
  });

  test.each(cases.map(one => [one.id, one] as const))('%s ends in its phase', (_, one) => {
    const phase = one.phase === 'resolve' || one.phase === 'run' ? 'allowed' : one.phase;
    expect(fate(one)).toBe(phase);
  });
});

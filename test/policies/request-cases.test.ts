import { describe, expect, test } from 'vitest';
import { evaluate } from '../../policies/evaluate.ts';
import { readRequest } from '../../policies/request.ts';
import { policyFrom } from '../support/policy.ts';
import { type RequestCase, requestCases, theirPolicy } from '../support/request-cases.ts';

const cases = requestCases();
const policy = policyFrom(theirPolicy());

/** Where a request ends: at its syntax, at the policy, or past both. */
function fate({ body }: RequestCase): 'syntax' | 'policy' | 'allowed' {
  const request = readRequest(body);
  if (!request.ok) return 'syntax';
  return evaluate(policy, request.value).outcome === 'deny' ? 'policy' : 'allowed';
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

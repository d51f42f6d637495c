/** The evaluator and one written without looking at it must say the same of every policy and every body. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { evaluate } from '../../policies/evaluate.ts';
import { readRequest } from '../../policies/request.ts';
import { policyTexts } from '../support/generated-policies.ts';
import { hostileBytes, requests } from '../support/hostile-requests.ts';
import { type NaiveOutcome, naiveEvaluator } from '../support/naive-evaluator.ts';
import { policyFrom } from '../support/policy.ts';

const bodies = fc.oneof(
  { arbitrary: requests.map(request => Buffer.from(JSON.stringify(request))), weight: 3 },
  hostileBytes,
);

test('agree on what is allowed, denied and malformed', () => {
  const seen = { allow: 0, deny: 0, malformed: 0 };
  fc.assert(
    fc.property(policyTexts, fc.array(bodies, { minLength: 1, maxLength: 80, size: 'max' }), (text, sent) => {
      const policy = policyFrom(text);
      const naive = naiveEvaluator(text);
      for (const body of sent) {
        const read = readRequest(body);
        const outcome: NaiveOutcome = read.ok ? evaluate(policy, read.value).outcome : 'malformed';
        seen[outcome] += 1;
        if (naive(body) !== outcome) throw new Error(`${outcome}, but naively ${naive(body)}: ${body}`);
      }
    }),
    { numRuns: 1000 },
  );
  // Far below what is usual: only a generator that has lost its aim says so little.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(300);
}, 60_000);

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { RequestBody } from '../../policies/contract/request.ts';
import { evaluate } from '../../policies/evaluate.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { gitlabAsker } from '../support/asker.ts';
import type { Claims } from '../support/issuer-claims.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

/** `refs` are the names that may be meant, `rules` the rule of each, where they differ. */
interface CaseFile {
  readonly policy: object;
  readonly decisions: readonly {
    readonly request: RequestBody;
    /** The claims laid over the usual ones of a GitLab job; a token of the machine when left out. */
    readonly asker?: { readonly claims: Claims; readonly planners?: readonly string[]; readonly issuer?: string };
    readonly outcome: 'allow' | 'deny';
    readonly rule?: string;
    readonly refs?: readonly string[] | 'reachable';
    readonly rules?: readonly string[];
    readonly reasons?: readonly object[];
  }[];
}

const directory = join(import.meta.dirname, 'cases');

describe.each(readdirSync(directory))('policy case %s', name => {
  const { policy, decisions }: CaseFile = parse(readFileSync(join(directory, name), 'utf8'));
  const trusted = policyFrom(policy);

  test.each(decisions.map(one => [JSON.stringify([one.request, one.asker]), one] as const))('%s', (_, one) => {
    const { claims, planners, issuer } = one.asker ?? {};
    const asker = claims && gitlabAsker(claims, planners, issuer);
    const decision = evaluate(trusted, value(canonicalRequest(one.request)), asker);
    const { outcome, rule, refs } = one;
    if (decision.outcome === 'deny') {
      const reasons = decision.reasons.map(reason => ({
        code: reason.code,
        ...(reason.rule && { rule: reason.rule }),
      }));
      expect({ outcome: decision.outcome, reasons }).toEqual({ outcome, reasons: one.reasons });
      return;
    }
    const found =
      decision.refs === 'reachable'
        ? { refs: 'reachable' }
        : { refs: decision.refs.map(({ ref }) => ref), rules: decision.refs.map(allowed => allowed.rule) };
    const rules = one.rules ?? (Array.isArray(refs) ? refs.map(() => rule) : undefined);
    expect({ outcome: decision.outcome, rule: decision.rule, ...found }).toEqual({
      outcome,
      rule,
      refs,
      ...(rules && { rules }),
    });
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { allowsRef, type Decision, evaluate } from '../../policies/evaluate.ts';
import { canonicalPath } from '../../policies/path.ts';
import { patternOf } from '../../policies/pattern.ts';
import { fullRef } from '../../policies/ref.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

type RuleFile = Readonly<Record<string, unknown>>;

const policyOf = (rules: readonly RuleFile[]) =>
  policyFrom({ version: 1, repositories: { infra: { url: '/srv/infra.git', rules } } });
const decide = (rules: readonly RuleFile[], request: RequestBody): Decision =>
  evaluate(policyOf(rules), value(canonicalRequest(request)));

describe('evaluate', () => {
  test('says the rule in a denial, never its patterns', () => {
    const rules = [
      {
        name: 'apply-reviewed',
        allow: ['apply'],
        refs: ['refs/heads/main', 'refs/tags/release/*'],
        paths: ['prod/**'],
      },
      { name: 'no-secrets', deny: ['apply'], refs: ['refs/heads/topsecret'] },
    ];
    expect(decide(rules, { command: 'apply', path: 'prod/vpc', ref: 'refs/heads/topsecret' })).toEqual({
      outcome: 'deny',
      reasons: [
        { code: 'E_DENIED_BY_RULE', message: 'rule `no-secrets` denies this apply', rule: 'no-secrets' },
        {
          code: 'E_REF_NOT_ALLOWED',
          message: 'rule `apply-reviewed` allows apply of this path, but not from this ref',
          rule: 'apply-reviewed',
        },
      ],
    });
  });

  test('shows a repository it does not know without its control characters', () => {
    expect(decide([planAll], { command: 'plan', path: 'a', ref: 'main', repo: 'x\u001b[2J' })).toEqual({
      outcome: 'deny',
      reasons: [
        {
          code: 'E_REPO_NOT_ALLOWED',
          message: 'repository `x\\u001b[2J` is not in the policy, or none of its rules is for whoever asks',
        },
      ],
    });
  });

  test('denies what matches no rule', () => {
    fc.assert(
      fc.property(fc.array(ruleFiles, { maxLength: 4 }), requests, (rules, request) => {
        const elsewhere = rules.map(rule => ({ ...rule, paths: ['elsewhere/**'] }));
        expect(decide([...named(elsewhere), never], request).outcome).toBe('deny');
      }),
    );
  });

  test('denies what only deny rules match', () => {
    fc.assert(
      fc.property(fc.array(ruleFiles, { maxLength: 4 }), requests, (rules, request) => {
        expect(decide([...named(rules.filter(rule => 'deny' in rule)), never], request).outcome).toBe('deny');
      }),
    );
  });

  test('never allows more after a deny rule is added', () => {
    fc.assert(
      fc.property(fc.array(ruleFiles, { minLength: 1, maxLength: 4 }), denyRules, requests, (rules, added, request) => {
        const before = allowedBy(decide(named(rules), request));
        const after = allowedBy(decide(named([added, ...rules]), request));
        expect(before).toEqual(expect.arrayContaining([...after]));
      }),
      { numRuns: 500 },
    );
  });

  test('decides the same in whatever order the rules stand', () => {
    fc.assert(
      fc.property(fc.array(ruleFiles, { minLength: 1, maxLength: 4 }), requests, (rules, request) => {
        const turned = decide(named(rules).reverse(), request);
        expect(allowedBy(turned)).toEqual(allowedBy(decide(named(rules), request)));
      }),
    );
  });
});

describe('allowsRef', () => {
  const rules = [
    { name: 'plans', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'] },
    { name: 'no-drafts', deny: ['plan'], refs: ['refs/heads/draft/*'] },
  ];
  const [repository] = policyOf(rules).repositories.values();
  const asks = (command: 'plan' | 'apply', path: string, ref: string) =>
    repository && allowsRef(repository, command, value(canonicalPath(path)), value(fullRef(ref)));

  test('names the rule that allows', () => {
    expect(asks('plan', 'prod/vpc', 'refs/heads/main')).toEqual({ rule: 'plans' });
  });

  test.each([
    ['a ref that a rule denies', 'plan', 'prod/vpc', 'refs/heads/draft/a'],
    ['a ref that no rule allows', 'plan', 'prod/vpc', 'refs/tags/v1'],
    ['another path', 'plan', 'staging', 'refs/heads/main'],
    ['another command', 'apply', 'prod/vpc', 'refs/heads/main'],
  ] as const)('allows no %s', (_, command, path, ref) => {
    expect(asks(command, path, ref)).toBeUndefined();
  });

  test('agrees with evaluate on full refs', () => {
    fc.assert(
      fc.property(fc.array(ruleFiles, { minLength: 1, maxLength: 4 }), requests, (written, request) => {
        const policy = policyOf(named(written));
        const asked = value(canonicalRequest(request));
        fc.pre(asked.ref.kind === 'full');
        const decision = evaluate(policy, asked);
        for (const one of policy.repositories.values()) {
          if (asked.ref.kind !== 'full') continue;
          const allowed = allowsRef(one, asked.command, asked.path, asked.ref.ref);
          expect(allowed?.rule).toBe(decision.outcome === 'allow' ? decision.rule : undefined);
        }
      }),
    );
  });

  test('allows no apply from a merge request, not even by a rule that no policy file could hold', () => {
    const [planned] = policyOf([{ ...planAll, refs: ['refs/merge-requests/*/head'] }]).repositories.values();
    const everything = { ...planned, commands: new Set(['plan', 'apply'] as const), paths: [patternOf('**')] };
    expect(everything.rules).toHaveLength(1);
    const rule = { name: 'a', effect: 'allow', commands: everything.commands, paths: everything.paths } as const;
    const ref = value(fullRef('refs/merge-requests/7/head'));
    const path = value(canonicalPath('prod'));
    if (planned === undefined) throw new Error('no repository');
    expect(allowsRef({ ...planned, rules: [rule] }, 'apply', path, ref)).toBeUndefined();
    expect(allowsRef({ ...planned, rules: [rule] }, 'plan', path, ref)).toEqual({ rule: 'a' });
  });
});

const planAll = { name: 'plan-all', allow: ['plan'], refs: ['refs/heads/**'], paths: ['**'] };
const never = { name: 'never', deny: ['apply'], refs: ['refs/heads/never'], paths: ['never'] };
const sha = '0b497ce3f39c5cd2bf4e4d9d0bd0b3a1b7a0c8d1';

/** What a decision lets happen: the refs, or `reachable`. */
function allowedBy(decision: Decision): readonly string[] {
  if (decision.outcome === 'deny') return [];
  return decision.refs === 'reachable' ? ['reachable'] : decision.refs.map(({ ref }) => ref);
}

const named = (rules: readonly RuleFile[]): RuleFile[] => rules.map((rule, index) => ({ ...rule, name: `r${index}` }));

const some = <T>(...items: readonly T[]) => fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength: 3 });
const commands = some('plan', 'apply');
const refs = some('refs/heads/**', 'refs/heads/main', 'refs/heads/*', 'refs/tags/**', 'refs/tags/v*');
const paths = some('**', 'prod/**', 'prod/*', '*/vpc', 'prod');
const allowRules = fc.record({ allow: commands, refs, paths });
const denyRules = fc.record({ deny: commands, refs, paths }, { requiredKeys: ['deny'] });
const ruleFiles: fc.Arbitrary<RuleFile> = fc.oneof(allowRules, denyRules);
const requests: fc.Arbitrary<RequestBody> = fc.record({
  command: fc.constantFrom('plan', 'apply'),
  path: fc.constantFrom('prod', 'prod/vpc', 'prod/vpc/a', 'staging', 'staging/vpc'),
  ref: fc.constantFrom('main', 'v1', 'a/b', 'refs/heads/main', 'refs/heads/a/b', 'refs/tags/v1', 'refs/tags/x', sha),
});

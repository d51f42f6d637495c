import { describe, expect, test } from 'vitest';
import { checkPolicy } from '../../policies/check-policy.ts';
import { parseAllowlist } from '../../policies/parse.ts';

const account = 'arn:aws:iam::222222222222:role';
const secret = { secret: 'file:/etc/scaleway.json', key: 'k' };
const repository = (url: string, stacks: readonly object[]) => ({
  url,
  rules: [{ name: 'a', deny: ['plan'] }],
  stacks,
});
const problemsOf = (...stacks: readonly object[]) => {
  const checked = checkPolicy({ version: 1, repositories: { infra: repository('/srv/a', stacks) } });
  return checked.ok ? [] : checked.problems;
};

describe('as whom a stack runs', () => {
  test('is one thing for plans and another for applies', () => {
    const plan = { role: `${account}/tf-plan`, env_secrets: { SCW_SECRET_KEY: secret } };
    const apply = { role: `${account}/tf-apply`, env_secrets: { SCW_SECRET_KEY: { ...secret, key: 'other' } } };
    expect(problemsOf({ paths: ['**'], plan, apply })).toEqual([]);
  });

  test('is never the role of an apply for a plan, whichever stack or repository it is of', () => {
    const plans = { paths: ['dev/**'], plan: { role: `${account}/admin` } };
    const applies = { paths: ['prod/**'], apply: { role: `${account}/admin` } };
    const problem = {
      path: ['repositories', 'infra', 'stacks', '0', 'plan', 'role'],
      message: '`repositories.infra.stacks[0].plan.role` is the role of an apply too',
      fix: 'give plans a role of their own that only reads',
    };
    expect(problemsOf(plans, applies)).toEqual([problem]);
    const other = repository('/srv/b', [applies]);
    expect(checkPolicy({ version: 1, repositories: { infra: repository('/srv/a', [plans]), other } })).toEqual({
      ok: false,
      problems: [problem],
    });
  });

  test('is said by one entry for a path, or the same by each', () => {
    const plan = { role: `${account}/tf-plan` };
    expect(problemsOf({ paths: ['**'], plan }, { paths: ['prod/**'], plan })).toEqual([]);
    expect(problemsOf({ paths: ['dev/**'], plan }, { paths: ['prod/**'], plan: { env_secrets: {} } })).toEqual([]);
    for (const [key, one, other] of [
      ['plan', plan, { role: `${account}/other` }],
      ['plan', plan, { ...plan, env_secrets: { SCW_SECRET_KEY: secret } }],
      ['apply', { env_secrets: { A_KEY: secret } }, { env_secrets: { A_KEY: { ...secret, key: 'other' } } }],
    ] as const)
      expect(problemsOf({ paths: ['**'], [key]: one }, { paths: ['prod/**'], [key]: other })).toMatchObject([
        { message: expect.stringContaining(`sets \`${key}\` differently from stacks[0]`) },
      ]);
  });

  test('does not hang on the order in which secrets are written', () => {
    const [one, other] = [
      { A_KEY: secret, B_KEY: secret },
      { B_KEY: secret, A_KEY: secret },
    ];
    expect(
      problemsOf({ paths: ['**'], plan: { env_secrets: one } }, { paths: ['x'], plan: { env_secrets: other } }),
    ).toEqual([]);
  });

  test.each([
    ['LD_PRELOAD', {}, 'is not a variable that a secret may fill'],
    ['constructor', {}, 'cannot be an environment variable here'],
    ['scw_key', {}, 'cannot be an environment variable here'],
    ['AWS_SECRET_ACCESS_KEY', { role: `${account}/tf-apply` }, 'would outweigh `role`'],
  ])('refuses %s, and says where', (name, rest, words) => {
    const apply = { ...rest, env_secrets: { [name]: secret } };
    const text = JSON.stringify(
      { version: 1, repositories: { infra: repository('/srv/a', [{ paths: ['**'], apply }]) } },
      undefined,
      1,
    );
    const line = text.split('\n').findIndex(one => one.includes(`"${name}"`)) + 1;
    const parsed = parseAllowlist(text, 'policy.yaml');
    expect(parsed.ok ? [] : parsed.problems).toEqual([
      expect.stringMatching(
        new RegExp(`^policy\\.yaml:${line}: .*\\.apply\\.env_secrets\\.${name}\` ${words}; fix: .+$`),
      ),
    ]);
  });
});

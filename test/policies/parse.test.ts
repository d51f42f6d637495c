import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Settings } from 'typebox/system';
import { describe, expect, test } from 'vitest';
import { checkAllowlist } from '../../policies/check-policy.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { policyFrom } from '../support/policy.ts';

const example = readFileSync(join(import.meta.dirname, '../../policies/allowlist.yaml'), 'utf8');

const good = `version: 1
repositories:
  infra-live:
    url: /srv/infra-live.git
    rules:
      - name: plan-anywhere
        allow: [plan]
        refs: [refs/heads/**]
        paths: [prod/**]
    stacks:
      - paths: [prod/**]
        binary: tofu
`;

const problemsOf = (text: string): readonly string[] => {
  const parsed = parseAllowlist(text, 'policy.yaml');
  return parsed.ok ? [] : parsed.problems;
};

/** The good policy with one piece replaced. */
const withPiece = (piece: string, replacement: string) => {
  expect(good).toContain(piece);
  return good.replace(piece, replacement);
};

describe('parseAllowlist', () => {
  test('reads the example that admins start from', () => {
    const repository = policyFrom(example).repositories.get('infra-live');
    expect(repository).toMatchObject({
      name: 'infra-live',
      url: 'git@gitlab.example.com:acme/infra-live.git',
      deployKey: 'file:/etc/infra-deployer/infra-live-deploy-key',
      knownHosts: expect.stringMatching(/^gitlab\.example\.com ssh-ed25519 \S+\n$/),
      rules: [
        { name: 'plan-anywhere', effect: 'allow', commands: new Set(['plan']) },
        { name: 'apply-reviewed', effect: 'allow', commands: new Set(['apply']) },
        { name: 'no-secrets-stack', effect: 'deny', commands: new Set(['plan', 'apply']) },
      ],
    });
    expect(repository?.rules[2]).not.toHaveProperty('refs');
  });

  test('reads a policy without stacks', () => {
    const text = good.slice(0, good.indexOf('    stacks:'));
    expect(policyFrom(text).repositories.get('infra-live')).toMatchObject({ stacks: [] });
  });

  test.each([
    '/srv/infra live.git',
    'ssh://git@gitlab.example.com/acme/infra-live.git',
    'ssh://git@gitlab.example.com:2222/~acme/infra-live.git',
    'git@gitlab.example.com:acme/infra-live.git',
    'git@127.0.0.1:/srv/infra-live.git',
  ])('takes the url %s', url => {
    const keys =
      '\n    deploy_key: arn:aws:secretsmanager:eu-west-1:111111111111:secret:key\n    known_hosts: host type key';
    expect(problemsOf(withPiece('/srv/infra-live.git', url + keys))).toEqual([]);
  });

  test.each([
    ...[
      'ext::sh -c id',
      'https://gitlab.example.com/a.git',
      'file:///srv/a.git',
      'ssh://gitlab.example.com/a.git',
      'a.git',
    ],
    ...[
      'git@-oProxyCommand=id:a.git',
      '-o@host:a.git',
      'ssh://git@-host/a.git',
      'git@host:-a',
      'git@host:a b',
      '"/a\\nb"',
    ],
    ...['"git@host:"', 'ssh://git@host:0/a', 'ssh://git:secret@host/a', '/'],
  ])('refuses the url %s', url => {
    const keys = '\n    deploy_key: file:/key\n    known_hosts: host type key';
    expect(problemsOf(withPiece('/srv/infra-live.git', url + keys))).toEqual([
      expect.stringMatching(
        /^policy\.yaml:4: `repositories\.infra-live\.url` does not have the right form; fix: give git@/,
      ),
    ]);
  });

  test.each([
    [
      'an unknown key',
      'allow: [plan]',
      'alow: [plan]',
      /^policy\.yaml:7: `repositories\.infra-live\.rules\[0\]\.alow` is not a key/,
    ],
    ['an unknown key at the top', 'version: 1', 'version: 1\nrules: []', /^policy\.yaml:2: `rules` is not a key/],
    [
      'a key of a later version',
      'binary: tofu',
      'dir: x',
      /^policy\.yaml:12: .* not supported by this version, it would not be enforced; fix: remove it$/,
    ],
    ['another version', 'version: 1', 'version: 2', /^policy\.yaml:1: `version` must be `1`; fix: give 1/],
    [
      'no rules',
      good.slice(good.indexOf('    rules:')),
      '    rules: []\n',
      /^policy\.yaml:5: .*\.rules` must not be empty; fix: give/,
    ],
    ['an empty list', '[refs/heads/**]', '[]', /^policy\.yaml:8: .*\.refs` must not be empty; fix: give full refs/],
    [
      'nothing where a list belongs',
      'paths: [prod/**]\n    stacks',
      'paths:\n    stacks',
      /^policy\.yaml:9: .*\.paths` must be an array/,
    ],
    [
      'a missing list',
      '        refs: [refs/heads/**]\n',
      '',
      /^policy\.yaml:6: .*rules\[0\]` allows, but not from where or what; fix: add `refs` and `paths`$/,
    ],
    [
      'an unknown command',
      '[plan]',
      '[plan, destroy]',
      /^policy\.yaml:7: .*\.allow\[1\]` must be `plan` or `apply`; fix: give \[plan\]/,
    ],
    [
      'a rule that does nothing',
      '        allow: [plan]\n',
      '',
      /^policy\.yaml:6: .* must have either `allow` or `deny`; fix: keep one/,
    ],
    [
      'a rule that allows and denies',
      'allow: [plan]',
      'allow: [plan]\n        deny: [plan]',
      /^policy\.yaml:6: .* must have either/,
    ],
    [
      'a rule without a name',
      '- name: plan-anywhere\n       ',
      '-',
      /^policy\.yaml:6: .*\.name` is missing; fix: add a name/,
    ],
    [
      'a short ref',
      'refs/heads/**',
      'main',
      /^policy\.yaml:8: .*refs\[0\]` is no pattern: `main` can match no full ref; fix: write refs\/heads/,
    ],
    [
      'a path from elsewhere',
      '[prod/**]\n    stacks',
      '[/prod]\n    stacks',
      /^policy\.yaml:9: .*paths\[0\]` is no pattern: .*; fix: write it from the root/,
    ],
    ['three stars', 'refs/heads/**', 'refs/heads/***', /^policy\.yaml:8: .*`\*\*` is not a whole segment/],
    [
      'apply from merge requests',
      'allow: [plan]\n        refs: [refs/heads/**',
      'allow: [apply]\n        refs: [refs/merge-requests/*/head',
      /^policy\.yaml:6: .* allows apply from merge requests.*; fix: allow only plan/,
    ],
    [
      'an ssh url without a key',
      '/srv/infra-live.git',
      'git@host:x.git',
      /^policy\.yaml:3: .* is reached by ssh, but has no `deploy_key` or no `known_hosts`; fix: add both$/,
    ],
    [
      'a relative deploy key',
      'url: /srv',
      'deploy_key: file:key\n    url: /srv',
      /^policy\.yaml:4: .*\.deploy_key` does not have the right form; fix: give file:/,
    ],
    [
      'blank known hosts',
      'url: /srv',
      'known_hosts: " "\n    url: /srv',
      /^policy\.yaml:4: .*\.known_hosts` does not have the right form/,
    ],
    [
      'a control character',
      'url: /srv',
      'known_hosts: "a\\rb"\n    url: /srv',
      /^policy\.yaml:4: .*\.known_hosts` does not have the right form/,
    ],
    [
      'an unknown program',
      'tofu',
      'pulumi',
      /^policy\.yaml:12: .*\.binary` must be `terraform` or `tofu` or `terragrunt`; fix: give the program/,
    ],
    [
      'a version that YAML takes for a number',
      'binary: tofu',
      'version: 1.11',
      /^policy\.yaml:12: .*\.version` must be a text; fix: give the exact version in quotes/,
    ],
    [
      'a range of versions',
      'binary: tofu',
      'version: ~> 1.11',
      /^policy\.yaml:12: .*\.version` does not have the right form/,
    ],
    [
      'a limit of no minutes',
      'binary: tofu',
      'limits: {minutes: 0}',
      /^policy\.yaml:12: .*\.minutes` must be >= 1; fix: give the minutes/,
    ],
    [
      'a limit of too many hours',
      'binary: tofu',
      'limits: {plan_hours: 721}',
      /^policy\.yaml:12: .*\.plan_hours` must be <= 720/,
    ],
    [
      'half a minute',
      'binary: tofu',
      'limits: {minutes: 0.5}',
      /^policy\.yaml:12: .*\.minutes` must be a whole number/,
    ],
    [
      'a placeholder nobody fills',
      'binary: tofu',
      'backend: {type: s3, config: {key: "{stack}/x"}}',
      /^policy\.yaml:12: .*\.config\.key` .*; fix: give a text on one line, whose only braces/,
    ],
    [
      'half a placeholder',
      'binary: tofu',
      'backend: {type: s3, config: {key: "{path"}}',
      /^policy\.yaml:12: .*\.config\.key`/,
    ],
    [
      'a backend setting that is no text',
      'binary: tofu',
      'backend: {type: s3, config: {encrypt: true}}',
      /^policy\.yaml:12: .*\.config\.encrypt` must be a text/,
    ],
    [
      'a repository name that is a path',
      '  infra-live:',
      '  ../x:',
      /^policy\.yaml:3: `repositories\.\.\.\/x` does not have a name that can be used; fix: give a name/,
    ],
    [
      'no repositories',
      good.slice(good.indexOf('repositories:')),
      'repositories: {}\n',
      /^policy\.yaml:2: `repositories` must not be empty/,
    ],
    [
      'a file without anything',
      good,
      '',
      /^policy\.yaml:1: the policy must be an object; fix: give `version: 1` and `repositories`$/,
    ],
    [
      'two rules of one name',
      '    stacks:',
      '      - {name: plan-anywhere, deny: [plan]}\n    stacks:',
      /^policy\.yaml:10: .*rules\[1\]\.name` is the name of another rule too; fix: give each/,
    ],
    [
      'two repositories of one url',
      '        binary: tofu\n',
      '  other:\n    url: /srv/infra-live.git\n    rules: [{name: a, deny: [plan]}]\n',
      /^policy\.yaml:13: `repositories\.other\.url` is the url of `infra-live` too; fix: merge/,
    ],
    [
      'settings that contradict',
      'binary: tofu',
      'binary: tofu\n      - paths: ["*/vpc"]\n        binary: terraform',
      /^policy\.yaml:13: .*stacks\[1\]` sets `binary` differently from stacks\[0\], for paths that both match; fix: make/,
    ],
    [
      'limits that contradict',
      'binary: tofu',
      'limits: {minutes: 1}\n      - {paths: [prod], limits: {minutes: 2}}',
      /^policy\.yaml:13: .* sets `limits.minutes` differently/,
    ],
    [
      'the same key twice',
      'version: 1',
      'version: 1\nversion: 1',
      /^policy\.yaml:2: this is not plain YAML: Map keys must be unique; fix: correct/,
    ],
    [
      'a tag that YAML 1.1 knew',
      'url: /srv',
      'url: !!binary /srv',
      /^policy\.yaml:4: this is not plain YAML: Unresolved tag/,
    ],
    ['broken YAML', '[plan]', '[plan', /^policy\.yaml:\d+: this is not plain YAML: .*; fix: correct/],
    ['a tag', 'version: 1', 'version: !!js/function 1', /^policy\.yaml:1: this is not plain YAML: Unresolved tag/],
    [
      'an alias',
      '[refs/heads/**]',
      '*refs',
      /^policy\.yaml:8: an alias .* is not read here; fix: write the value out$/,
    ],
    [
      'a merge key',
      '- name: plan-anywhere',
      '- <<: {}\n        name: plan-anywhere',
      /^policy\.yaml:6: .*`.*<<` is not a key/,
    ],
    [
      'a second document',
      good,
      `${good}---\n${good}`,
      /^policy\.yaml:13: this is not plain YAML: Source contains multiple documents/,
    ],
    [
      'an older YAML',
      good,
      `%YAML 1.1\n---\n${good}`,
      /^policy\.yaml:1: a %YAML directive is not read here; fix: remove it/,
    ],
    ['a key that is a list', good, `${good}? [a]\n: 1\n`, /^policy\.yaml:13: this is not plain YAML/],
  ])('refuses %s, and names file, line and fix', (_, piece, replacement, problem) => {
    const problems = problemsOf(withPiece(piece, replacement));
    expect(problems).toEqual([expect.stringMatching(problem)]);
    for (const line of problems) expect(line).toMatch(/^policy\.yaml:\d+: .+; fix: .+$/);
  });

  test('takes settings that contradict each other for different paths', () => {
    expect(
      problemsOf(withPiece('binary: tofu', 'binary: tofu\n      - paths: [staging/**]\n        binary: terraform')),
    ).toEqual([]);
  });

  test('collects all problems in the order of the file', () => {
    const rule = '      - name: "a b"\n        allow: []\n        extra: 1\n';
    const problems = problemsOf(
      good.replace('    stacks:', `${rule.repeat(10)}    stacks:`).replace('version: 1', 'version: 2'),
    );
    const lines = problems.map(line => Number(line.split(':')[1]));
    expect(lines).toEqual([1, ...Array.from({ length: 30 }, (_, index) => 10 + index)]);
  });

  test('leaves the number of errors that a caller gets as it was', () => {
    problemsOf('version: 2');
    expect(Settings.Get().maxErrors).toBe(8);
  });

  test('answers on a file of nothing but brackets', () => {
    expect(problemsOf('['.repeat(20_000)).length).toBeLessThan(10);
  });
});

describe('checkAllowlist', () => {
  const rules = [{ name: 'a', allow: ['plan'], refs: ['refs/heads/**'], paths: ['**'] }];

  test('takes the policy with one repository alone as a door sends it', () => {
    const [repository] = policyFrom(example).repositories.values();
    const body = JSON.parse(JSON.stringify(repository?.body));
    expect(checkAllowlist(body)).toEqual({ ok: true, value: policyFrom(example) });
  });

  test('refuses a section with a problem, and says which', () => {
    const body = { version: 1, repositories: { a: { url: '/a', rules, env: {} } } };
    expect(checkAllowlist(body)).toEqual({
      ok: false,
      problem: {
        code: 'E_BAD_REQUEST',
        message: '`repositories.a.env` is not supported by this version, it would not be enforced',
        fix: 'remove it',
      },
    });
  });
});

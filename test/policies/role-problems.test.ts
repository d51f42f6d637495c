/** Each problem beside a policy that has none and differs in one thing. */
import { expect, test } from 'vitest';
import { cloudProblems } from '../../policies/cloud-problems.ts';
import { policyFrom } from '../support/policy.ts';

const role = 'arn:aws:iam::222222222222:role/tf-plan';
const s3 = (config: object = {}) => ({
  type: 's3',
  config: { bucket: 'acme-tfstate', key: '{path}/terraform.tfstate', ...config },
});
const stack = (more: object = {}) => ({ paths: ['prod/**'], backend: s3(), plan: { role }, ...more });

const problemsOf = (...stacks: object[]) =>
  cloudProblems(
    policyFrom({
      version: 1,
      trust_invoker: true,
      repositories: {
        infra: {
          url: 'git@gitlab.example.com:acme/infra.git',
          deploy_key: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf',
          known_hosts: 'gitlab.example.com ssh-ed25519 AAAA',
          rules: [{ name: 'a', allow: ['plan'], refs: ['refs/heads/main'], paths: ['prod/**'] }],
          stacks,
        },
      },
    }),
  );

const bare = { paths: ['prod/**'], plan: { role } };
test.each<[what: string, wrong: object[], right: object[], says: string]>([
  [
    'a role where nothing says where the state is',
    [bare, { paths: ['dev/**'], backend: s3() }],
    [bare, { paths: ['prod/vpc'], backend: s3() }],
    'prod/** of `infra` has a role, and nothing says where its state is kept; fix: add `backend`',
  ],
  [
    'a role of applies likewise',
    [{ paths: ['prod/**'], apply: { role } }],
    [stack({ plan: undefined, apply: { role } })],
    'prod/** of `infra` has a role, and nothing says where its state is kept; fix: add `backend`',
  ],
  [
    'a bucket that is left to the repository',
    [stack({ backend: { type: 's3', config: { key: '{path}' } } })],
    [stack({ backend: { type: 's3', config: { key: '{path}' } }, plan: undefined })],
    '`backend` of prod/** in `infra` does not name a bucket and a key outright; fix: give `bucket`, without `{path}`, and `key` for every stack whose state is in S3',
  ],
  [
    'a key that another stack leaves to the repository',
    [stack(), { paths: ['dev/**'], backend: { type: 's3', config: { bucket: 'acme-tfstate' } } }],
    [stack(), { paths: ['dev/**'], backend: { type: 'http', config: { address: 'https://a' } } }],
    '`backend` of dev/** in `infra` does not name a bucket and a key outright; fix: give `bucket`, without `{path}`, and `key` for every stack whose state is in S3',
  ],
  [
    'a star inside a segment of `reads`',
    [stack(), { paths: ['prod/app'], reads: ['network/*'] }],
    [stack(), { paths: ['prod/app'], reads: ['network/**'] }],
    '`reads` in `infra` has `network/*`, and IAM cannot keep a `*` inside its segment; fix: name those paths one by one, or with `/**`',
  ],
  [
    'such a star, of a stack that has a role',
    [stack(), { paths: ['prod/app'], reads: ['network/*'] }],
    [stack(), { paths: ['dev/app'], reads: ['network/*'] }],
    '`reads` in `infra` has `network/*`, and IAM cannot keep a `*` inside its segment; fix: name those paths one by one, or with `/**`',
  ],
  [
    '`reads` where keys are made in two ways',
    [stack({ reads: ['network/**'] }), { paths: ['network/**'], backend: s3({ key: 'n/{path}' }) }],
    [stack({ reads: ['network/**'] }), { paths: ['network/**'], backend: s3({ key: 'n/{path}', bucket: 'acme-net' }) }],
    '`reads` in `infra` reaches into acme-tfstate, where keys are made in more than one way; fix: give every stack with its state in that bucket the same `key`, with `{repo}/` in front, or no `reads`',
  ],
])('%s', (_, wrong, right, says) => {
  expect(problemsOf(...wrong)).toEqual([says]);
  expect(problemsOf(...right)).toEqual([]);
});

test("a bucket that another repository's states leave open is told once, whoever has roles", () => {
  const repositories = (backend: object) => {
    const body = (name: string, stacks: object[]) => ({
      url: `git@gitlab.example.com:acme/${name}.git`,
      deploy_key: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf',
      known_hosts: 'gitlab.example.com ssh-ed25519 AAAA',
      rules: [{ name: 'a', allow: ['plan'], refs: ['refs/heads/main'], paths: ['prod/**'] }],
      stacks,
    });
    const http = { type: 'http', config: { address: 'https://a' } };
    const other = body('other', [{ paths: ['**'], backend }]);
    const all = { infra: body('infra', [stack()]), lab: body('lab', [stack({ backend: http })]), other };
    return cloudProblems(policyFrom({ version: 1, trust_invoker: true, repositories: all }));
  };
  expect(repositories({ type: 's3', config: { key: '{path}' } })).toEqual([
    '`backend` of ** in `other` does not name a bucket and a key outright; fix: give `bucket`, without `{path}`, and `key` for every stack whose state is in S3',
  ]);
  expect(repositories(s3())).toEqual([]);
});

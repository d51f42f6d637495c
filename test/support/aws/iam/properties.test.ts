/** What holds for every policy and every request, whatever they say. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge, type Policies } from './judge.ts';
import { type PolicyDocument, readPolicy } from './policy-document.ts';
import type { Request } from './request.ts';

// Few names, so that what is written and what is asked meet often.
const account = '123456789012';
const names = ['one', 'two', 'three'];
const arns = names.map(name => `arn:aws:sqs:eu-west-1:${account}:${name}`);
const actions = ['sqs:SendMessage', 'sqs:ReceiveMessage', 'sts:AssumeRole'];
const role = `arn:aws:iam::${account}:role/worker`;
const session = `arn:aws:sts::${account}:assumed-role/worker/r_1`;

const someOf = <T>(...all: readonly T[]) => fc.subarray([...all], { minLength: 1 });
const circumstances = fc.constantFrom<object>(
  {},
  {},
  {},
  { Condition: { StringEquals: { 'x:key': 'a' } } },
  { Condition: { StringNotLike: { 'x:key': 'a*' } } },
  { Condition: { Null: { 'x:key': 'false' } } },
);
const statements = fc
  .tuple(
    fc.constantFrom(...Array(9).fill('Allow'), 'Deny'),
    fc.oneof(
      fc.constant({ Action: '*' }),
      someOf('*', ...actions, 'sqs:*').map(Action => ({ Action })),
      someOf(...actions).map(NotAction => ({ NotAction })),
    ),
    fc.oneof(
      fc.constant({ Resource: '*' }),
      someOf(...arns, '*', `arn:aws:sqs:*:*:t*`).map(Resource => ({ Resource })),
      someOf(...arns).map(NotResource => ({ NotResource })),
    ),
    circumstances,
  )
  .map(([Effect, ...elements]) => Object.assign({ Effect }, ...elements) as object);
const document = (statement: fc.Arbitrary<object>) =>
  fc
    .array(statement, { minLength: 1, maxLength: 3 })
    .map(Statement => readPolicy({ Version: '2012-10-17', Statement }));
const policies = document(statements);
const ofEndpoint = document(statements.map(statement => ({ ...statement, Principal: '*' })));
const ofResource = document(
  fc
    .tuple(statements, someOf('*', role, session, account, '999999999999', `${role}2`))
    .map(([statement, AWS]) => ({ ...statement, Principal: { AWS } })),
);

const requests: fc.Arbitrary<Request> = fc.record({
  action: fc.constantFrom(...actions),
  resource: fc.constantFrom(...arns),
  principal: fc.constantFrom(
    { arn: session, role, account },
    { arn: role, account },
    { arn: role.replace(account, '999999999999'), account: '999999999999' },
  ),
  context: fc.constantFrom({}, { 'x:key': 'a' }, { 'x:key': 'b' }),
});
const everything: fc.Arbitrary<Policies> = fc.record(
  {
    identity: fc.array(policies, { maxLength: 2 }),
    boundary: policies,
    session: policies,
    resource: ofResource,
    endpoint: ofEndpoint,
  },
  { requiredKeys: ['identity'] },
);

const plus = (policy: PolicyDocument | undefined, statement: object) =>
  readPolicy({ Version: '2012-10-17', Statement: [...(policy?.Statement ?? []), statement] });
const allow = (request: Request, asked: Policies) => judge(request, asked).allowed;
const runs = { numRuns: 2000 };

test('the generators allow and deny, each for several reasons', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(requests, everything, (request, asked) => {
      const { because } = judge(request, asked);
      seen.set(because, (seen.get(because) ?? 0) + 1);
    }),
    runs,
  );
  for (const because of [
    'identity',
    'resource policy',
    'explicit deny',
    'no allow in identity',
    'boundary',
    'session',
  ]) {
    expect(seen.get(because), because).toBeGreaterThan(10);
  }
});

test('what nobody allows is denied', () => {
  fc.assert(
    fc.property(requests, request => !allow(request, { identity: [], resource: plus(undefined, nobody) })),
    runs,
  );
});
const nobody = { Effect: 'Allow', Principal: { AWS: '999999999998' }, Action: '*', Resource: '*' };

const layers = fc.constantFrom<keyof Policies>('identity', 'boundary', 'session', 'resource', 'endpoint');
const withStatement = (asked: Policies, layer: keyof Policies, statement: object): Policies => {
  if (layer === 'identity') return { ...asked, identity: [...asked.identity, plus(undefined, statement)] };
  const named = layer === 'resource' || layer === 'endpoint' ? { ...statement, Principal: '*' } : statement;
  return { ...asked, [layer]: plus(asked[layer], named) };
};

test('a deny of everything wins, wherever it stands', () => {
  const deny = { Effect: 'Deny', Action: '*', Resource: '*' };
  fc.assert(
    fc.property(requests, everything, layers, (request, asked, layer) => {
      expect(judge(request, withStatement(asked, layer, deny))).toMatchObject({ because: 'explicit deny' });
    }),
    runs,
  );
});

test('one more deny never allows, one more allow in what is there never denies', () => {
  fc.assert(
    fc.property(requests, everything, layers, statements, (request, asked, layer, statement) => {
      const before = allow(request, asked);
      const after = allow(request, withStatement(asked, layer, statement));
      const effect = (statement as { Effect: string }).Effect;
      if (effect === 'Deny') expect(after && !before).toBe(false);
      // A first boundary, session or endpoint policy narrows, whatever it allows.
      else if (asked[layer] !== undefined || layer === 'resource') expect(before && !after).toBe(false);
    }),
    runs,
  );
});

test('a boundary, a session policy and an endpoint only narrow', () => {
  fc.assert(
    fc.property(requests, everything, (request, { identity, resource, ...narrowing }) => {
      const wide: Policies = resource === undefined ? { identity } : { identity, resource };
      if (allow(request, { ...wide, ...narrowing })) expect(allow(request, wide)).toBe(true);
    }),
    runs,
  );
});

test('another account is never allowed without a word of both', () => {
  fc.assert(
    fc.property(requests, everything, (request, { resource: _, ...mine }) => {
      const others = { ...request, principal: { arn: role.replace(account, '999999999999'), account: '999999999999' } };
      expect(allow(others, mine)).toBe(false);
    }),
    runs,
  );
});

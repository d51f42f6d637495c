/** Very many hostile requests against a real server: it never fails, keeps its contract, and agrees with a naive reader. */
import fc from 'fast-check';
import { type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { DecisionSchema } from '../../policies/contract/decision.ts';
import { ErrorSchema } from '../../policies/contract/error.ts';
import { CreatedSchema } from '../../policies/contract/run.ts';
import { testPlane, tokens } from '../invoker/test-plane.ts';
import { hostileBytes, requests } from '../support/hostile-requests.ts';
import { type KeptAnswer, keepAlive } from '../support/keep-alive.ts';
import { type NaiveOutcome, naiveEvaluator } from '../support/naive-evaluator.ts';
import { startServer } from '../support/server.ts';

const policy = `version: 1
repositories:
  infra-live:
    url: /srv/infra-live.git
    rules:
      - {name: plan-anywhere, allow: [plan], refs: [refs/heads/**, refs/tags/**], paths: [prod/**, staging/**]}
      - {name: plan-merge-requests, allow: [plan], refs: [refs/merge-requests/*/head], paths: ["**/vpc"]}
      - {name: apply-reviewed, allow: [apply], refs: [refs/heads/main, refs/tags/release/*], paths: [prod/**, v1/*]}
      - {name: no-secrets, deny: [plan, apply], paths: ["**/secrets/**"]}
      - {name: no-drafts, deny: [plan], refs: [refs/heads/staging/**]}
  network:
    url: /srv/network.git
    rules:
      - {name: plan-tags, allow: [plan], refs: [refs/tags/*], paths: ["*"]}
`;
const naive = naiveEvaluator(policy);

/** Half of them nearly right, so that as much is learnt of what is allowed as of what is not. */
const bodies = fc.oneof(
  requests.map(request => Buffer.from(JSON.stringify({ repo: 'infra-live', ...request }))),
  hostileBytes,
);
const seed = Number(process.env.FUZZ_SEED ?? Date.now() & 0x7fffffff);
console.log(`FUZZ_SEED=${seed} sends the same again`);

interface Told {
  readonly status: number;
  readonly code?: string;
  readonly outcome?: NaiveOutcome;
}

const declared: Readonly<Record<number, TSchema>> = { 200: DecisionSchema, 202: CreatedSchema };
const compiled = new Map([200, 202, 400].map(status => [status, Compile(declared[status] ?? ErrorSchema)]));
const Read = Compile(
  Type.Object({
    outcome: Type.Optional(Type.Enum(['allow', 'deny'])),
    error: Type.Optional(Type.Object({ code: Type.String() })),
  }),
);

/** What an answer means. One that the contract does not have is an error. */
function told({ status, text }: KeptAnswer): Told {
  const body: unknown = JSON.parse(text);
  if (status >= 500 || !compiled.get(status < 400 ? status : 400)?.Check(body) || !Read.Check(body))
    throw new Error(`not what the contract says: ${status} ${text}`);
  const { error, outcome = status === 202 ? 'allow' : status === 403 ? 'deny' : undefined } = body;
  if (status === 400 || status === 413) return { status, outcome: 'malformed', ...error };
  return { status, ...error, ...(outcome && { outcome }) };
}

/** Sends `count` bodies in batches, and counts the outcomes by their status and what was agreed on. */
async function send(
  count: number,
  post: (body: Buffer) => Promise<KeptAnswer>,
  agree: (answer: Told, expected: NaiveOutcome) => boolean,
): Promise<Record<NaiveOutcome, number>> {
  const seen = { allow: 0, deny: 0, malformed: 0 };
  for (let batch = 0; count > batch * 200; batch++) {
    const sent = fc.sample(bodies, { numRuns: 200, seed: seed + batch });
    const answers = await Promise.all(sent.map(post));
    for (const [at, body] of sent.entries()) {
      const answer = told(answers[at] ?? { status: 0, text: '' });
      const expected = naive(body);
      seen[expected] += 1;
      if (!agree(answer, expected))
        throw new Error(
          `seed ${seed}: ${JSON.stringify(answer)}, but naively ${expected}: ${JSON.stringify(`${body}`)}`,
        );
    }
  }
  return seen;
}

test('100,000 bodies are decided without a failure as the naive evaluator decides them', async () => {
  const server = await startServer({ policy });
  const { post, close } = keepAlive(server.url, server.tokens.deploy, 8);
  try {
    const start = performance.now();
    const seen = await send(
      100_000,
      body => post('/v1/decisions', body),
      ({ outcome }, expected) => outcome === expected,
    );
    console.log(seen, `${Math.round(1e8 / (performance.now() - start))} requests/s`);
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(1000);
  } finally {
    close();
    await server.stop();
  }
}, 240_000);

test('200 bodies start the runs that the naive evaluator allows, and no other', async () => {
  const plane = await testPlane({ policy, maxQueued: 1000, workers: 1000 });
  const { post, close } = keepAlive(await plane.app.listen({ port: 0 }), tokens.deploy, 8);
  try {
    // An apply that is allowed may still have no plan.
    const isLate = ({ code = '' }: Told) => /^E_PLAN_|^E_REQUEST_ID_REUSED$/.test(code);
    const seen = await send(
      200,
      body => post('/v1/runs', body),
      (answer, expected) => answer.outcome === expected || (expected === 'allow' && isLate(answer)),
    );
    await plane.round();
    const trail = await plane.ledger.audit(0, 1000);
    const kinds = (kind: string) => trail.filter(({ event }) => event.kind === kind).length;
    expect(kinds('accepted') + kinds('refused')).toBe(200);
    expect(kinds('accepted')).toBeLessThanOrEqual(seen.allow);
    expect(plane.tickets.size).toBeGreaterThan(0);
    expect(plane.tickets.size).toBeLessThanOrEqual(kinds('accepted'));
  } finally {
    close();
    await plane.app.close();
  }
});

/** What a function loads: the entry is small, and the SDK comes in pieces when it is needed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { dist } from '../../support/cli.ts';
import { run } from '../../support/command.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { freePort } from '../../support/free-port.ts';

const directory = join(dist(), 'lambda');
const key = (id: string) => `arn:aws:kms:eu-west-1:111111111111:key/${id}`;
const everywhere = { table: 'ledger', recordsKey: key('records') };
const policy = { bucket: 'policy', key: 'allowlist.yaml' };
const keeper = 'arn:aws:lambda:eu-west-1:111111111111:function:keeper:live';
const settings = {
  deploy: { function: 'deploy', ...everywhere, policy, runKeysKey: key('run-keys'), keeper },
  worker: {
    function: 'worker',
    ...everywhere,
    policy,
    plans: { bucket: 'plans', key: key('plans') },
    erroredStates: { bucket: 'errored-states' },
    runRole: 'arn:aws:iam::111111111111:role/run',
    keeper,
  },
  audit: { function: 'audit', ...everywhere },
};
/** What the SDK signs with: in each of its clients. */
const sdk = 'AWS4-HMAC-SHA256';

/** Everything that `file` imports, however far away, without what is loaded later. */
function closureOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const imports = readFileSync(join(directory, file), 'utf8').matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g);
  for (const [, imported = ''] of imports) closureOf(imported, found);
  return found;
}

describe('the bundle of the functions', () => {
  test('has an entry of at most 1.2 MB, without the SDK', () => {
    const files = [...closureOf('index.mjs')];
    expect(files.length).toBeGreaterThan(1);
    const texts = files.map(file => readFileSync(join(directory, file), 'utf8'));
    expect(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)).toBeLessThanOrEqual(1_200_000);
    expect(texts.filter(text => text.includes(sdk))).toEqual([]);
  });

  test('is in the zip as it is', () => {
    const zipped = unzipSync(readFileSync(`${directory}.zip`));
    expect(Object.keys(zipped).sort()).toEqual(readdirSync(directory).sort());
    for (const [name, bytes] of Object.entries(zipped))
      expect(readFileSync(join(directory, name)).equals(bytes), name).toBe(true);
  });
});

/** What a function answers to the event while nothing of AWS can be reached, what it prints, and whether it has loaded the SDK. */
async function invoked(told: unknown, event: unknown) {
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (process._rawDebug('loaded ' + url), next(url, context)) });
    const { handler } = await import(${JSON.stringify(join(directory, 'index.mjs'))});
    const answer = await handler(${JSON.stringify(event)}, { awsRequestId: 'request-of-aws' });
    process._rawDebug('answered ' + JSON.stringify(answer));
    process.exit();`;
  const { status, stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    env: cleanEnvironment({
      INFRA_DEPLOYER_SETTINGS: typeof told === 'string' ? told : JSON.stringify(told),
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}`,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'CANARY-of-the-role',
    }),
  });
  const loaded = [...stderr.matchAll(/^loaded file:\/\/(.+)$/gm)].map(([, file = '']) => readFileSync(file, 'utf8'));
  /** None of a function that did not start. */
  const answers = [...stderr.matchAll(/^answered (.+)$/gm)].map(([, answer = '']) => JSON.parse(answer) as unknown);
  const lines = stdout.split('\n').filter(line => line !== '');
  return { status, stdout, stderr, answers, lines, hasSdk: loaded.some(text => text.includes(sdk)) };
}

describe('a function', { timeout: 60_000 }, () => {
  const http = { requestContext: { authorizer: { claims: { sub: 'admin' } } }, body: '{}', httpMethod: 'POST' };
  const anyRun = `r_${'a'.repeat(26)}`;
  const run = JSON.stringify({ id: anyRun });

  test.each([
    ['deploy', { operation: 'getRun', request: '{}' }, 400],
    ['deploy', { operation: 'getRun', request: `${run}x`, runKey: 'k' }, 400],
    ['deploy', { operation: 'decide', request: '{"command":"destroy"}' }, 400],
    ['deploy', { operation: 'getRun', request: run }, 401],
    ['worker', http, 400],
    ['worker', { operation: 'claim', request: '{}' }, 400],
    ['worker', { operation: 'log', request: '{"seq":-1,"lines":[]}', token: 'x' }, 400],
    ['audit', http, 400],
    ['audit', { operation: 'createRun', request: '{}' }, 400],
    ['audit', { operation: 'listAudit', request: '{"after":1}' }, 400],
  ] as const)('%s refuses %j before the SDK is loaded', async (name, event, status) => {
    const { answers, hasSdk, lines } = await invoked(settings[name], event);
    expect(answers).toMatchObject([{ status, body: { error: { requestId: 'request-of-aws' } } }]);
    expect(hasSdk).toBe(false);
    const denied = { level: 'warn', event: 'denied', requestId: 'request-of-aws', status };
    expect(lines.map(line => JSON.parse(line))).toMatchObject([denied]);
  });

  const idToken = 'CANARY.CANARY.CANARY';
  test.each([
    ['deploy', { operation: 'getRun', request: run, runKey: 'k_CANARY' }],
    ['deploy', { operation: 'getLogs', request: run, runKey: 'k_CANARY' }],
    ['deploy', { operation: 'createRun', request: '{"command":"plan","path":"prod/vpc","ref":"main"}', idToken }],
    ['deploy', { operation: 'createRun', request: '{"path":"CANARY"}', idToken }],
    ['deploy', { CANARY: 'CANARY', idToken }],
    ['worker', { operation: 'claim', request: JSON.stringify({ run: anyRun, ticket: 'CANARY' }) }],
    ['worker', { operation: 'heartbeat', request: '{}', token: `${anyRun}.CANARY` }],
    ['audit', { operation: 'listAudit', request: '{}' }],
    ['audit', { operation: 'verifyAudit', request: '{}' }],
  ] as const)('%s fails at %j with nothing but an id, and keeps what it was given to itself', async (name, event) => {
    const { answers, hasSdk, lines, stdout } = await invoked(settings[name], event);
    expect(hasSdk).toBe(true);
    const fix = "look for the request id in the server's log";
    const error = { code: 'E_INTERNAL', message: 'the server failed', fix, requestId: 'request-of-aws' };
    expect(answers).toEqual([{ status: 500, body: { error } }]);
    const failed = { level: 'error', event: 'failed', requestId: 'request-of-aws', words: expect.any(String) };
    expect(lines.map(line => JSON.parse(line)).at(-1)).toEqual(failed);
    expect(stdout).not.toContain('CANARY');
  });

  test.each([
    ['nothing', '', 'INFRA_DEPLOYER_SETTINGS'],
    ['no function', { ...settings.audit, function: 'admin' }, 'names no function'],
    ['too little', { function: 'deploy', ...everywhere }, 'INFRA_DEPLOYER_SETTINGS'],
    ['too much', { ...settings.audit, debug: true }, 'debug'],
    ['one thing twice', '{"function":"audit","function":"deploy"}', 'INFRA_DEPLOYER_SETTINGS'],
  ])('that is told %s does not start, and says why', async (_, told, why) => {
    const { status, answers, stderr } = await invoked(told, {});
    expect([status, answers]).toEqual([1, []]);
    expect(stderr).toMatch(new RegExp(`Error: .*${why}`));
  });
});

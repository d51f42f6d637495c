import { expect, it } from 'vitest';
import { startRuntimeApi } from './runtime-api.ts';

it('is over with an invocation when the environment asks for the next one, and not before', async () => {
  const api = await startRuntimeApi(() => undefined);
  const url = `http://${api.address}/2018-06-01/runtime`;
  const payload = Buffer.from('{}');
  let over = false;
  const invoked = api.invoke({ requestId: 'a', functionArn: 'arn', payload, deadlineMs: 0 }).then(outcome => {
    over = true;
    return outcome;
  });
  const next = await fetch(`${url}/invocation/next`);
  expect(next.headers.get('lambda-runtime-aws-request-id')).toBe('a');
  const answer = (id: string) => fetch(`${url}/invocation/${id}/response`, { method: 'POST', body: '1' });
  expect((await answer('b')).status).toBe(400);
  expect((await answer('a')).status).toBe(202);
  expect((await answer('a')).status).toBe(400);
  expect(over).toBe(false);
  expect(api.posted()?.payload.toString()).toBe('1');
  fetch(`${url}/invocation/next`).catch(() => undefined);
  expect((await invoked).payload.toString()).toBe('1');
  api.close();
});

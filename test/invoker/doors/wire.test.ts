/** What comes over a real connection and is hardly HTTP: where a body ends is never a matter of opinion. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Plane, testPlane, tokens } from '../test-plane.ts';

let plane: Plane;
let port: number;
beforeAll(async () => {
  plane = await testPlane();
  port = Number(new URL(await plane.app.listen({ port: 0 })).port);
});
afterAll(() => plane.app.close());

const body = JSON.stringify({ command: 'plan', path: 'prod/vpc', ref: 'main' });
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const type = 'content-type: application/json';
const length = `content-length: ${body.length}`;

/** Status and code of every answer on one connection, until the server has closed it. */
async function answersTo(headers: readonly string[], sent: string): Promise<readonly [number, string | undefined][]> {
  const head = [`POST /v1/decisions HTTP/1.1`, 'host: x', `authorization: Bearer ${tokens.deploy}`, ...headers];
  const socket = connect(port, '127.0.0.1');
  let text = '';
  await new Promise<void>((resolve, reject) => {
    socket.setEncoding('utf8');
    socket.on('data', part => {
      text += part;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.end([...head, '', sent].join('\r\n'));
  });
  return text
    .split(/^HTTP\/1\.1 /m)
    .slice(1)
    .map(answer => [Number(answer.slice(0, 3)), /"code":"(\w+)"/.exec(answer)?.[1]]);
}

test.each<[string, readonly string[], string, readonly [number, string | undefined]]>([
  ['a body with its length', [type, length], body, [200, undefined]],
  ['a body in chunks', [type, 'transfer-encoding: chunked'], `${chunk(body)}0\r\n\r\n`, [200, undefined]],
  ['no body', [], '', [400, 'E_SCHEMA']],
  ['an empty body', [type, 'content-length: 0'], '', [400, 'E_SCHEMA']],
  ['a body without a type', [length], body, [415, 'E_MEDIA_TYPE']],
  [
    'too much in chunks',
    [type, 'transfer-encoding: chunked'],
    `${chunk(' '.repeat(9000)).repeat(2)}0\r\n\r\n`,
    [413, 'E_TOO_LARGE'],
  ],
  ['a length that is too large', [type, 'content-length: 999999999999'], body, [413, 'E_TOO_LARGE']],
  [
    'a length and chunks',
    [type, length, 'transfer-encoding: chunked'],
    `${chunk(body)}0\r\n\r\n`,
    [400, 'E_BAD_REQUEST'],
  ],
  ['two lengths', [type, length, 'content-length: 1'], body, [400, 'E_BAD_REQUEST']],
  ['a length that is none', [type, 'content-length: +9'], body, [400, 'E_BAD_REQUEST']],
  ['a chunk that is none', [type, 'transfer-encoding: chunked'], `zz\r\n${body}`, [400, 'E_BAD_REQUEST']],
  ['another coding', [type, 'transfer-encoding: gzip, chunked'], `${chunk(body)}0\r\n\r\n`, [415, 'E_MEDIA_TYPE']],
  ['a coding that does not end', [type, 'transfer-encoding: chunked, gzip'], body, [400, 'E_BAD_REQUEST']],
])('%s has one answer that says what it is', async (_, headers, sent, answer) => {
  expect(await answersTo(headers, sent)).toEqual([answer]);
});

test('a second body behind the first is a request of its own, and none', async () => {
  expect((await answersTo([type, length], body + body)).at(-1)).toEqual([400, 'E_BAD_REQUEST']);
});

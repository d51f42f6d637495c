import { describe, expect, test } from 'vitest';
import { canonicalRequest, readRequest } from '../../policies/request.ts';
import { value } from '../support/value.ts';

const sha = '0b497ce3f39c5cd2bf4e4d9d0bd0b3a1b7a0c8d1';
const asked = { command: 'plan', path: 'prod/vpc', ref: 'main' };
const read = (body: unknown) => readRequest(new TextEncoder().encode(JSON.stringify(body)));

describe('readRequest', () => {
  test('reads a whole request', () => {
    const body = {
      ...{ command: 'apply', path: 'prod/vpc', ref: 'refs/heads/main', repo: 'infra-live', sha },
      ...{
        planId: `r_${'a'.repeat(26)}`,
        mode: 'normal',
        replace: [],
        reason: 'x',
        receipt: true,
        requestId: 'job-302-1',
      },
    };
    const ref = { kind: 'full', text: 'refs/heads/main', ref: 'refs/heads/main' };
    expect(value(read(body))).toEqual({ ...body, ref });
  });

  test.each([
    ['a text in place of an array', { ...asked, replace: 'x' }, '`replace` must be an array'],
    ['an array in place of a text', { ...asked, ref: ['main'] }, '`ref` must be a text'],
    ['null', { ...asked, ref: null }, '`ref` must be a text'],
    ['another command', { ...asked, command: 'destroy' }, '`command` must be `plan` or `apply`'],
    ['a list of commands', { ...asked, command: ['plan'] }, '`command` must be `plan` or `apply`'],
    ['a text in place of a boolean', { ...asked, receipt: 'no' }, '`receipt` must be `true` or `false`'],
    ['a missing path', { command: 'plan', ref: 'main' }, '`path` is missing'],
    ['an unknown key', { ...asked, target: 'x' }, '`target` is not a key that is known here'],
    [
      'an unknown key that tries to write on',
      { ...asked, 'x\n`y': 1 },
      '`x\\u000a\\u0060y` is not a key that is known here',
    ],
    ['a short request id', { ...asked, requestId: 'x' }, '`requestId` does not have the right form'],
    ['an empty address', { ...asked, replace: ['a', ''] }, '`replace[1]` must not be empty'],
    ['a long reason', { ...asked, reason: 'x'.repeat(1025) }, '`reason` is longer than 1024'],
    ['many addresses', { ...asked, replace: Array(101).fill('x') }, '`replace` is longer than 100'],
    ['no object', [], 'the body must be an object'],
    ['two problems', { ref: 'main', path: 1 }, '`command` is missing, `path` must be a text'],
  ])('refuses %s and says what it expected', (_, body, message) => {
    expect(read(body)).toMatchObject({ ok: false, problem: { code: 'E_SCHEMA', message } });
  });

  test('says how to fix it where the schema describes the place', () => {
    expect(read({ command: 'plan', ref: 'main' })).toMatchObject({
      problem: { fix: expect.stringMatching(/^add directory/) },
    });
    expect(read({ ...asked, command: 'destroy' })).not.toHaveProperty('problem.fix');
  });

  test('reads a text as its bytes', () => {
    const text = JSON.stringify(asked);
    expect(readRequest(text)).toEqual(read(asked));
    expect(readRequest(`{"path":"\ud800",${text.slice(1)}`)).toMatchObject({ problem: { code: 'E_JSON' } });
  });

  test('refuses more than 16 KiB, in bytes, and takes nothing for no body', () => {
    const padded = (length: number) => JSON.stringify(asked).padEnd(length);
    expect([read(asked).ok, readRequest(padded(16_384)).ok]).toEqual([true, true]);
    const problem = { code: 'E_TOO_LARGE', message: 'the body is too large' };
    for (const body of [padded(16_385), new TextEncoder().encode(padded(16_385)), `"${'é'.repeat(8192)}"`])
      expect(readRequest(body)).toEqual({ ok: false, problem });
    expect(readRequest('')).toMatchObject({ problem: { code: 'E_SCHEMA', message: 'the body must be an object' } });
  });

  test('refuses what is not strict JSON', () => {
    expect(readRequest(new TextEncoder().encode('{"command":"plan","command":"apply"}'))).toMatchObject({
      problem: { code: 'E_JSON' },
    });
  });
});

describe('canonicalRequest', () => {
  const plan = { command: 'plan', path: 'prod/vpc', ref: 'main' } as const;

  test('keeps what is given and adds nothing', () => {
    expect(value(canonicalRequest(plan))).toEqual({
      command: 'plan',
      path: 'prod/vpc',
      ref: { kind: 'short', text: 'main', candidates: ['refs/heads/main', 'refs/tags/main'] },
    });
  });

  test.each([
    ['a path that is not canonical', { ...plan, path: 'prod/../x' }, 'E_PATH_SYNTAX'],
    ['a ref that is not canonical', { ...plan, ref: '-x' }, 'E_REF_SYNTAX'],
    ['a commit that is none', { ...plan, sha: 'main' }, 'E_REF_SYNTAX'],
    ['two commits', { ...plan, ref: 'a'.repeat(40), sha: 'b'.repeat(40) }, 'E_BAD_REQUEST'],
    ['a plan that names a plan', { ...plan, planId: `r_${'a'.repeat(26)}` }, 'E_BAD_REQUEST'],
  ])('refuses %s', (_, body, code) => {
    expect(canonicalRequest(body)).toMatchObject({ ok: false, problem: { code } });
  });

  test('takes a commit that is named twice', () => {
    const commit = 'a'.repeat(40);
    expect(canonicalRequest({ ...plan, ref: commit, sha: commit })).toMatchObject({ ok: true, value: { sha: commit } });
  });
});

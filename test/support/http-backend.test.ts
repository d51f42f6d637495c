import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { run } from './command.ts';
import { terraformEnvironment } from './environment.ts';
import { type HttpBackend, startHttpBackend } from './http-backend.ts';
import { requires } from './requirements.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { terraform } from './terraform.ts';

let backend: HttpBackend;
afterEach(() => backend.stop());

describe.skipIf(requires('terraform'))('the http state backend', () => {
  const stack = (password?: string) => {
    const dir = temporaryDirectory();
    const address = `${backend.url}/prod/vpc`;
    const backendBlock = [
      `address = "${address}"`,
      `lock_address = "${address}"`,
      `unlock_address = "${address}"`,
      ...(password ? ['username = "tf"', `password = "${password}"`] : []),
    ].join('\n');
    writeFileSync(
      join(dir, 'main.tf'),
      `terraform {\n backend "http" {\n${backendBlock}\n}\n}\nresource "terraform_data" "x" {\n input = "hello"\n}\n`,
    );
    return dir;
  };

  test('keeps the state that Terraform writes, under a lock', async () => {
    backend = await startHttpBackend();
    const dir = stack();
    await terraform(dir, ['init', '-input=false']);
    await terraform(dir, ['apply', '-auto-approve', '-input=false']);
    expect(JSON.parse(backend.state('/prod/vpc') ?? '{}')).toMatchObject({ serial: 1 });
    expect(backend.requests.filter(line => !line.startsWith('GET'))).toEqual([
      'LOCK /prod/vpc 200',
      'POST /prod/vpc 200',
      'UNLOCK /prod/vpc 200',
    ]);
    expect((await terraform(dir, ['show', '-no-color'])).stdout).toContain('"hello"');
  });

  test('turns a second writer away while the lock is held', async () => {
    backend = await startHttpBackend();
    const dir = stack();
    await terraform(dir, ['init', '-input=false']);
    const lock = JSON.stringify({ ID: 'held', Who: 'anna@laptop' });
    await fetch(`${backend.url}/prod/vpc`, { method: 'LOCK', body: lock });
    const { status, stderr } = await run('terraform', [`-chdir=${dir}`, 'apply', '-auto-approve', '-no-color'], {
      env: terraformEnvironment(),
    });
    expect(status).toBe(1);
    expect(stderr).toContain('already locked: ID=held');
    expect(backend.state('/prod/vpc')).toBeUndefined();
  });

  test('asks for the password it was given', async () => {
    backend = await startHttpBackend({ user: 'tf', password: 'right' });
    await expect(terraform(stack('wrong'), ['init', '-input=false', '-no-color'])).rejects.toThrow(
      /requires auth|invalid auth|401/i,
    );
    await terraform(stack('right'), ['init', '-input=false']);
    expect(backend.requests).toEqual(['GET /prod/vpc 401', 'GET /prod/vpc 404']);
  });
});

/** Stacks in an account whose registry nobody can reach: what the provider cache has is all that there is to install. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { s3ProviderCache } from '../../../invoker/aws/s3-provider-cache.ts';
import type { ProviderCache } from '../../../policies/contract/worker.ts';
import { lockedPackages } from '../../../task-image/locked-packages.ts';
import { packProviders } from '../../../task-image/provider-archive.ts';
import { clientFor } from '../../support/aws/clients.ts';
import { lockEntry, packagePath, platform, providerMirror } from '../../support/providers.ts';
import { bareRepository, type Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Account, installInAccount, roleOf } from './account.ts';

const address = 'registry.invalid/hashicorp/null';
const main = `terraform {
  backend "s3" {}
  required_providers {
    null = { source = "${address}" }
  }
}
resource "null_resource" "x" {}
`;
const rules = [
  {
    name: 'jobs',
    allow: ['plan', 'apply'],
    refs: ['refs/heads/main'],
    paths: ['prod/**'],
    identity: { project_id: 20 },
  },
];
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

/** A lock file that vouches for a provider which is this program, and what a run would keep of it. */
async function keptOf(file: string): Promise<{ lock: string; archive: Buffer }> {
  const installed = temporaryDirectory('installed');
  const program = join(installed, packagePath('registry.invalid', 'hashicorp/null', '1.0.0'));
  mkdirSync(dirname(program), { recursive: true });
  cpSync(file, program);
  const lock = lockEntry(address, '1.0.0', readFileSync(program));
  const archive = join(temporaryDirectory('archive'), 'providers');
  const locked = lockedPackages(lock, platform);
  if (locked) await packProviders(installed, locked, archive, new AbortController().signal);
  return { lock, archive: readFileSync(archive) };
}

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform', 'providers'))(
  'a registry that is gone',
  { timeout: 180_000 },
  () => {
    let repository: Repository;
    let account: Account;
    let kept: { lock: string; archive: Buffer };
    let place: { Bucket: string; Key: string };

    beforeAll(async () => {
      kept = await keptOf(join(providerMirror, packagePath('registry.terraform.io', 'hashicorp/null', '1.0.0')));
      repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
        'prod/null/main.tf': main,
        'prod/null/.terraform.lock.hcl': kept.lock,
      });
      account = await installInAccount({
        repository: repository.dir,
        rules,
        stacks: [{ paths: ['prod/**'], worker: 'lambda', providers: { allow: ['registry.invalid/hashicorp/*'] } }],
      });
      const { name: Bucket } = account.rendered.buckets.plans;
      place = { Bucket, Key: `provider-cache/${platform}/${sha256(kept.lock)}` };
    }, 180_000);
    afterAll(() => account?.stop());

    let job = 7000;
    const run = (command: string) => {
      const claims = { sha: repository.id('main'), ref: 'main', ref_path: 'refs/heads/main', job_id: `${++job}` };
      const INFRA_DEPLOYER_ID_TOKEN = account.issuer.token(claims);
      return account.cli(['--command', command, '--path', 'prod/null', '--ref', 'main'], { INFRA_DEPLOYER_ID_TOKEN });
    };
    const putThere = (Body: Buffer) =>
      new S3Client({ ...account.admin, forcePathStyle: true }).send(new PutObjectCommand({ ...place, Body }));
    const said = ({ stdout, stderr }: Awaited<ReturnType<typeof run>>) => stdout + stderr;

    test('fails a plan whose providers no run has installed before', async () => {
      const plan = await run('plan');
      expect(plan.status).toBe(1);
      expect(said(plan)).toContain('could not connect to registry.invalid');
      expect(said(plan)).not.toContain('the cache');
    });

    test('is not missed by those whose providers are in the cache', async () => {
      await putThere(kept.archive);
      const plan = await run('plan');
      expect(said(plan)).toContain('1 to add');
      expect((await run('apply')).status).toBe(0);
    });

    test('is not stood in for by somebody else’s program under the same lock file', async () => {
      await putThere((await keptOf('/bin/true')).archive);
      const plan = await run('plan');
      expect(plan.status).toBe(1);
      expect(said(plan)).toContain('the cache has none that fit');
      expect(said(plan)).toContain('could not connect to registry.invalid');
    });

    test('finds the cache filled once, by grants of the worker door alone', async () => {
      const client = (role: 'worker' | 'deploy') =>
        new S3Client(clientFor(account.front.url, account.front.issue(roleOf(account.rendered, role).arn)));
      const key: ProviderCache = { lockDigest: 'a'.repeat(64), platform: 'linux_amd64' };
      const upload = { digest: sha256(kept.archive), size: kept.archive.length };
      const put = async (role: 'worker' | 'deploy', body = kept.archive) => {
        const parts = { client: client(role), bucket: place.Bucket, now: Date.now };
        const { upload: url = '' } = await s3ProviderCache(parts)({ ...key, upload });
        const headers = {
          'if-none-match': '*',
          'x-amz-checksum-sha256': Buffer.from(upload.digest, 'hex').toString('base64'),
        };
        return (await fetch(url, { method: 'PUT', headers, body: new Uint8Array(body) })).status;
      };
      expect(await put('deploy')).toBe(403);
      expect(await put('worker', Buffer.alloc(upload.size))).toBe(400);
      expect(await put('worker', kept.archive.subarray(1))).toBe(403);
      expect(await put('worker')).toBe(200);
      expect(await put('worker')).toBe(412);
    });
  },
);

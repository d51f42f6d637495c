import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { terraformEnvironment } from '../environment.ts';
import { requires } from '../requirements.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { terraform } from '../terraform.ts';
import { startTestFront, type TestFront } from './test-front.ts';
import { account, allow, policy, services, testWorld } from './test-world.ts';

const role = `arn:aws:iam::${account}:role/state`;

describe.skipIf(requires('aws', 'terraform'))("Terraform's S3 backend", { timeout: 60_000 }, () => {
  let { front, stop } = {} as TestFront;
  beforeAll(async () => {
    const world = testWorld();
    const own = ['arn:aws:s3:::theirs/own.tfstate', 'arn:aws:s3:::theirs/own.tfstate.tflock'];
    const policies = [
      policy(
        allow(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], own),
        allow('s3:ListBucket', 'arn:aws:s3:::theirs'),
      ),
    ];
    ({ front, stop } = await startTestFront({
      world: { ...world, roles: { ...world.roles, [role]: { trust: services, policies } } },
    }));
  }, 120_000);
  afterAll(() => stop?.());

  const apply = async (key: string) => {
    const dir = temporaryDirectory();
    writeFileSync(
      join(dir, 'main.tf'),
      `terraform {
        backend "s3" {
          bucket         = "theirs"
          key            = "${key}"
          region         = "eu-west-1"
          use_lockfile   = true
          use_path_style = true
        }
      }
      resource "terraform_data" "one" {}`,
    );
    const { accessKeyId, secretAccessKey, sessionToken } = front.issue(role);
    const env = terraformEnvironment({
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_ENDPOINT_URL: front.url,
    });
    await terraform(dir, ['init', '-input=false', '-no-color'], { env });
    return (await terraform(dir, ['apply', '-input=false', '-no-color', '-auto-approve'], { env })).stdout;
  };

  it('keeps and locks the state that its role may have, and no other', async () => {
    expect(await apply('own.tfstate')).toContain('1 added');
    expect(await apply('own.tfstate')).toContain('0 added');
    await expect(apply('other.tfstate')).rejects.toThrow('StatusCode: 403');
  });
});

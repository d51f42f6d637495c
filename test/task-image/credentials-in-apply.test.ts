/** Credentials that do not last as long as an apply, at the one consumer that Terraform has built in: its S3 backend. */
import { describe, expect, test } from 'vitest';
import type { Session } from '../../policies/contract/worker.ts';
import { takeRunCredentials } from '../../task-image/run-credentials.ts';
import { requires } from '../support/requirements.ts';
import { session } from './aws-stub.ts';
import { problemFrom, silentControl } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';
import { startS3 } from './s3-stub.ts';

const role = 'arn:aws:iam::222222222222:role/tf-apply';
const key = 'prod/vpc/terraform.tfstate';

/** Sessions that last this long, as the door gives them. */
function issuer(lifeMs: number) {
  const issued: Session[] = [];
  return {
    issued,
    issue: (): Session => {
      const next = session(`ROLE${issued.length}`, new Date(Date.now() + lifeMs));
      issued.push(next);
      return next;
    },
    isGood: (accessKeyId: string, token: string) =>
      issued.some(
        one => one.accessKeyId === accessKeyId && one.sessionToken === token && Date.parse(one.expiresAt) > Date.now(),
      ),
  };
}

/** Prints what the endpoint answers to whoever has the environment of Terraform. */
const thief = `sleep 7
host=\${AWS_CONTAINER_CREDENTIALS_FULL_URI#http://}
host=\${host%%/*}
exec 3<>"/dev/tcp/127.0.0.1/\${host#*:}"
printf 'GET /credentials HTTP/1.1\\r\\nHost: %s\\r\\nAuthorization: %s\\r\\nConnection: close\\r\\n\\r\\n' \\
  "$host" "$AWS_CONTAINER_AUTHORIZATION_TOKEN" >&3
cat <&3
`;

async function runningOnS3(stack: string, lifeMs: number) {
  const { issued, issue, isGood } = issuer(lifeMs);
  const s3 = await startS3(isGood);
  const config = {
    ...{ bucket: 'acme-tfstate', key, region: 'eu-west-1', endpoint: s3.url, use_path_style: 'true' },
    ...{ skip_credentials_validation: 'true', skip_requesting_account_id: 'true', skip_region_validation: 'true' },
    ...{ skip_s3_checksum: 'true', use_lockfile: 'true' },
  };
  const silent = silentControl();
  const control = {
    ...silent,
    claimed: { ...silent.claimed, command: 'apply' as const },
    credentials: async () => {
      const next = issue();
      for (const secret of [next.secretAccessKey, next.sessionToken]) silent.masker.hide(secret);
      return { role: next };
    },
  };
  const credentials = await takeRunCredentials(control, { plan: { envSecrets: [] }, apply: { role, envSecrets: [] } });
  const running = runningStack(
    { 'main.tf': `terraform {\n  backend "s3" {}\n}\n${stack}`, 'thief.sh': thief },
    {
      settings: { backend: { type: 's3', config } },
      environment: credentials.environment,
      command: 'apply',
      masker: control.masker,
    },
  );
  return { ...running, s3, issued, credentials };
}

describe.skipIf(requires('terraform'))('the credentials of a run', { timeout: 120_000 }, () => {
  test('are renewed in an apply that takes longer than they last, and never shown', async () => {
    const stack = `resource "terraform_data" "x" {
      provisioner "local-exec" {
        command = "bash thief.sh"
      }
    }
    `;
    const run = await runningOnS3(stack, 3000);
    const file = `${run.runDir}/p/plan`;
    await run.init(fetchesNothing);
    await run.plan(file);
    // Of the session that there is when the apply begins, everything else is later.
    const before = run.issued.length;
    await run.apply(file);
    const written = run.s3.log.filter(line => line.startsWith(`PUT /acme-tfstate/${key} `));
    expect(written.at(-1)).toMatch(/ 200$/);
    const [, , writer = ''] = written.at(-1)?.split(' ') ?? [];
    const at = run.issued.findIndex(one => one.accessKeyId === writer);
    // It was issued after the first one of the apply had expired.
    expect(Date.parse(run.issued[at]?.expiresAt ?? '') - 3000).toBeGreaterThan(
      Date.parse(run.issued[before - 1]?.expiresAt ?? ''),
    );
    expect(run.s3.log.filter(line => line.endsWith(' 400'))).toEqual([]);
    expect(run.s3.objects.get(`/acme-tfstate/${key}`)).toContain('terraform_data');
    const output = run.control.lines.join('\n');
    expect(output).toContain('"SecretAccessKey":"[masked]","Token":"[masked]"');
    for (const { secretAccessKey } of run.issued) expect(output).not.toContain(secretAccessKey);
    await run.credentials.drop();
  });

  test('are for nobody without the token, and gone with the run', async () => {
    const run = await runningOnS3('resource "terraform_data" "x" {}\n', 3_600_000);
    await run.init(fetchesNothing);
    const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri = '' } = run.credentials.environment;
    expect((await fetch(uri)).status).toBe(403);
    await run.credentials.drop();
    await expect(fetch(uri)).rejects.toThrow();
    expect(await problemFrom(() => run.plan(`${run.runDir}/p/plan`))).toMatchObject({ code: 'E_PLAN' });
  });
});

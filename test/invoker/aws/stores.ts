/** The stores of an installation, in moto behind the front: whoever asks for them is judged by what the module says. */
import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ofS3 } from '../../../invoker/aws/clients.ts';
import { anybody, clientFor } from '../../support/aws/clients.ts';
import { type Front, startFront } from '../../support/aws/front.ts';
import { startMoto } from '../../support/aws/moto.ts';
import { type Rendered, type RoleName, renderModule } from '../../terraform/rendered.ts';

export interface Stores {
  readonly front: Front;
  readonly rendered: Rendered;
  /** For SDK clients of whoever holds the role, and of somebody whom nobody judges. */
  readonly as: (role: RoleName) => ReturnType<typeof clientFor>;
  readonly admin: ReturnType<typeof clientFor>;
  readonly s3: (as?: RoleName) => S3Client;
  readonly stop: () => Promise<void>;
}

export async function startStores(now: () => number = Date.now): Promise<Stores> {
  const rendered = await renderModule();
  const { account, region, roles, buckets, keys } = rendered;
  const moto = await startMoto({ account });
  const front = await startFront({
    moto: moto.url,
    now,
    world: {
      account,
      region,
      roles: Object.fromEntries(Object.values(roles).map(({ arn, trust, policies }) => [arn, { trust, policies }])),
      macKeys: [keys.records.arn, keys.runKeys.arn],
      resourcePolicies: Object.fromEntries(
        [...Object.values(buckets), ...Object.values(keys)].map(({ arn, policy }) => [arn, policy]),
      ),
    },
  });
  const admin = clientFor(moto.url, anybody, region);
  const as = (role: RoleName) => {
    const { arn } = roles[role] ?? {};
    if (arn === undefined) throw new Error(`the module makes no role ${role}`);
    return clientFor(front.url, front.issue(arn), region);
  };
  const s3 = (role?: RoleName) => new S3Client({ ...ofS3, ...(role === undefined ? admin : as(role)) });
  await makeBuckets(rendered, s3());
  return {
    front,
    rendered,
    as,
    admin,
    s3,
    stop: async () => {
      await front.stop();
      await moto.stop();
    },
  };
}

/** As the module makes them. */
async function makeBuckets({ buckets, keys }: Rendered, s3: S3Client): Promise<void> {
  const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' as const };
  for (const [kind, { name: Bucket }] of Object.entries(buckets))
    await s3.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration, ObjectLockEnabledForBucket: kind === 'audit' }),
    );
  const encryption = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: keys.plans.arn } as const;
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket: buckets.plans.name,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: encryption, BucketKeyEnabled: true }],
      },
    }),
  );
  await s3.send(
    new PutBucketVersioningCommand({ Bucket: buckets.policy.name, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  await s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket: buckets.audit.name,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 365 } },
      },
    }),
  );
}

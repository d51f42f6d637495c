/** moto with stores in it and a front before it, for the front's own tests. */
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateClusterCommand, ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { anybody, clientFor } from './clients.ts';
import { type Front, type FrontOptions, startFront } from './front.ts';
import { startMoto } from './moto.ts';
import { account, caller, closedKey, region, testWorld, worker } from './test-world.ts';

export interface TestFront {
  readonly front: Front;
  /** For clients with the caller's session. */
  readonly as: ReturnType<typeof clientFor>;
  /** For clients that nobody judges. */
  readonly admin: ReturnType<typeof clientFor>;
  stop(): Promise<void>;
}

/** Two of each store, `ours` and `theirs`; one secret under a key that is closed. */
export async function startTestFront(options: Partial<FrontOptions> = {}): Promise<TestFront> {
  const moto = await startMoto({ account });
  const admin = clientFor(moto.url, anybody);
  const front = await startFront({ world: testWorld(), moto: moto.url, ...options });
  const s3 = new S3Client(admin);
  const secrets = new SecretsManagerClient(admin);
  for (const name of ['ours', 'theirs']) {
    await s3.send(
      new CreateBucketCommand({
        Bucket: name,
        CreateBucketConfiguration: { LocationConstraint: region },
        ObjectLockEnabledForBucket: true,
      }),
    );
    await new DynamoDBClient(admin).send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      }),
    );
    await secrets.send(new CreateSecretCommand({ Name: name, SecretString: `of ${name}` }));
  }
  await secrets.send(new CreateSecretCommand({ Name: 'ours-encrypted', SecretString: 'x', KmsKeyId: closedKey }));
  const ecs = new ECSClient(admin);
  await ecs.send(new CreateClusterCommand({ clusterName: 'runs' }));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: 'worker',
      taskRoleArn: worker,
      executionRoleArn: worker,
      containerDefinitions: [{ name: 'worker', image: 'worker', memory: 512 }],
    }),
  );
  return {
    front,
    admin,
    as: clientFor(front.url, front.issue(caller)),
    async stop() {
      await front.stop();
      await moto.stop();
    },
  };
}

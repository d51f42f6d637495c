/** What somebody who has a session of a run finds it good for: what AWS answers, or the name of its refusal. */
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Session } from '../../../policies/contract/worker.ts';
import { clientFor } from '../../support/aws/clients.ts';
import { type Account, stateBucket } from './account.ts';

/** Paths are those of stacks, for their states. */
export interface Holder {
  readonly identity: () => Promise<string | undefined>;
  readonly read: (path: string) => Promise<string | undefined>;
  readonly write: (path: string) => Promise<string | undefined>;
  readonly become: (role: string) => Promise<string | undefined>;
  readonly secret: (name: string) => Promise<string | undefined>;
}

export function holderOf({ front }: Account, session: Session | undefined): Holder {
  if (session === undefined) throw new Error('no session');
  const config = clientFor(front.url, session);
  const [s3, sts] = [new S3Client({ ...config, forcePathStyle: true }), new STSClient(config)];
  const secrets = new SecretsManagerClient(config);
  const at = (path: string) => ({ Bucket: stateBucket, Key: `${path}/terraform.tfstate` });
  const answered = <Answer>(asked: Promise<Answer>, told: (answer: Answer) => string | undefined = () => 'done') =>
    asked.then(told, (error: Error) => error.name);
  return {
    identity: () => answered(sts.send(new GetCallerIdentityCommand({})), ({ Arn }) => Arn),
    read: path => answered(s3.send(new GetObjectCommand(at(path)))),
    write: path => answered(s3.send(new PutObjectCommand({ ...at(path), Body: '{}' }))),
    become: RoleArn =>
      answered(sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'thief', SourceIdentity: 'thief' }))),
    secret: SecretId =>
      answered(secrets.send(new GetSecretValueCommand({ SecretId })), ({ SecretString }) => SecretString),
  };
}

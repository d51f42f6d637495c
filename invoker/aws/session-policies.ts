/**
 * Session policies: what is left of a role for one run. A session has what its role and this policy both allow; see
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
 */
import type { Policy, Repository } from '../../policies/allowlist.ts';
import { ok, type Result, refuse } from '../../policies/contract/error.ts';
import type { Command } from '../../policies/contract/request.ts';
import type { CanonicalPath } from '../../policies/path.ts';
import { quote } from '../../policies/quote.ts';
import { stackSettings } from '../../policies/stack.ts';
import { type StateKeys, stateKeys } from '../../policies/state-keys.ts';

/**
 * Reads exactly these secrets, and decrypts nothing else: for deploy keys, and for `env_secrets`. A secret is named by
 * its ARN, with or without the six characters that Secrets Manager adds. Refuses (E_CREDENTIALS) what is no such ARN.
 */
export function secretsSessionPolicy(secrets: readonly string[]): Result<string> {
  const wrong = secrets.find(arn => !secretArn.test(arn));
  if (wrong !== undefined || secrets.length === 0) {
    return refuse(
      'E_CREDENTIALS',
      wrong === undefined ? 'no secret is named' : `${quote(wrong)} is not the ARN of a secret`,
      'have an admin name the secret by its ARN in the policy',
    );
  }
  const arns = secrets.map(arn => (/-[A-Za-z0-9]{6}$/.test(arn) ? arn : `${arn}-??????`));
  return policyOf([
    { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: arns },
    // Its key may be anybody's: what Secrets Manager encrypted with it names the secret.
    {
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: '*',
      Condition: { StringLike: { 'kms:EncryptionContext:SecretARN': arns } },
    },
  ]);
}

const secretArn = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+$/;

export interface RoleSession {
  readonly policy: Pick<Policy, 'repositories'>;
  readonly repository: Repository;
  readonly path: CanonicalPath;
  readonly command: Command;
  /** Of AWS: `aws`, `aws-cn`, … */
  readonly partition: string;
}

/**
 * All that the role may do, but of the buckets that hold states, of whatever repository, only this stack's own, and to
 * read those of `reads`; no policy where nobody's state is in S3. Refuses (E_CREDENTIALS) rather than leave more: see
 * `stateKeys`.
 *
 * A bucket's policy that grants to `"Principal": "*"` under a condition grants past what a session policy merely does
 * not allow, so whatever can be is denied outright: other actions, other ways in, changes of the bucket, all of a bucket
 * of which nothing is read. IAM has no words to deny every key but one; such a bucket's own policy can (`NotResource` and
 * `${aws:PrincipalTag/path}`).
 */
export function roleSessionPolicy(session: RoleSession): Result<string | undefined> {
  const { policy, repository, path, command, partition } = session;
  const { backend } = stackSettings(repository, path);
  if (backend === undefined) {
    return refuse(
      'E_CREDENTIALS',
      `the policy does not say where the state of ${path} is kept, so no role can be narrowed to it`,
      'have an admin set `backend` for this path',
    );
  }
  const keys = stateKeys(policy.repositories, repository, path);
  if (keys.ok && keys.value.buckets.length === 0) return ok(undefined);
  return keys.ok ? policyOf(statementsOf(keys.value, command, `arn:${partition}:s3:`)) : keys;
}

function statementsOf({ own, reads, buckets }: StateKeys, command: Command, s3: string): readonly object[] {
  const arn = (name: string) => `${s3}::${name}`;
  // Plans run without a lock, and write no state.
  const writes = command === 'apply' && own !== undefined;
  const readable = [...(own === undefined ? [] : [own]), ...reads];
  const isUsed = (bucket: string) => readable.some(place => place.startsWith(`${bucket}/`));
  const [used, others] = [buckets.filter(isUsed), buckets.filter(bucket => !isUsed(bucket))];
  const objects = used.map(bucket => arn(`${bucket}/*`));
  return [
    ...(used.length === 0
      ? [{ Effect: 'Allow', Action: '*', Resource: '*' }]
      : [
          { Effect: 'Allow', Action: '*', NotResource: objects },
          { Effect: 'Allow', Action: 's3:GetObject', Resource: readable.map(arn) },
          { Effect: 'Deny', NotAction: writes ? locking : ['s3:GetObject'], Resource: objects },
          { Effect: 'Deny', NotAction: ['s3:Get*', 's3:List*'], Resource: used.map(arn) },
        ]),
    ...(writes
      ? [
          { Effect: 'Allow', Action: 's3:PutObject', Resource: arn(own) },
          { Effect: 'Allow', Action: locking, Resource: arn(`${own}.tflock`) },
        ]
      : []),
    ...(others.length > 0
      ? [{ Effect: 'Deny', Action: 's3:*', Resource: others.flatMap(bucket => [arn(bucket), arn(`${bucket}/*`)]) }]
      : []),
    // The same objects have other names there.
    { Effect: 'Deny', Action: 's3:*', Resource: `${s3}*:*:accesspoint/*/object/*` },
  ];
}

const locking = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];

/** AWS STS takes 2,048 characters of Latin-1. What it packs them into has a limit of its own, which only it knows. */
function policyOf(statements: readonly object[]): Result<string> {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  if (text.length <= 2048 && /^[\x20-\xff]*$/.test(text)) return ok(text);
  return refuse(
    'E_CREDENTIALS',
    text.length > 2048
      ? `what the run may reach takes ${text.length} characters to say, and AWS takes 2048`
      : 'what the run may reach is named in letters that AWS does not take',
    'have an admin say it with fewer, shorter names: secrets, `reads`, buckets',
  );
}

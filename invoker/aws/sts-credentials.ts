/** A run's credentials from STS: of the run role for its secrets, and of its stack's role, each session named after the run. */
import type { STSClient } from '@aws-sdk/client-sts';
import type { Policy, Repository, StackSettings } from '../../policies/allowlist.ts';
import { ok, type Result, refuse } from '../../policies/contract/error.ts';
import { userOf } from '../../policies/contract/identity.ts';
import type { Credentials, Session } from '../../policies/contract/worker.ts';
import { canonicalPath } from '../../policies/path.ts';
import { quote } from '../../policies/quote.ts';
import type { RunCredentials } from '../credentials.ts';
import type { RunRecord } from '../run.ts';
import { roleSessionPolicy, secretsSessionPolicy } from './session-policies.ts';
import { stsRefusal } from './sts-refusal.ts';

export interface StsParts {
  readonly sts: Pick<STSClient, 'send'>;
  /** Reads secrets, and nothing else; only the worker door may assume it. */
  readonly runRole: string;
}

/** Nothing is kept: every session is made for the one run that asks for it. */
export function stsCredentials({ sts, runRole }: StsParts): RunCredentials {
  const session = async (run: RunRecord, { role, policy, seconds }: Wanted): Promise<Result<Session>> => {
    const tags = tagsOf(run);
    if (!tags.ok) return tags;
    const { AssumeRoleCommand } = await import('@aws-sdk/client-sts');
    const assume = new AssumeRoleCommand({
      RoleArn: role,
      RoleSessionName: run.id,
      SourceIdentity: run.id,
      Tags: Object.entries(tags.value).map(([Key, Value]) => ({ Key, Value })),
      DurationSeconds: seconds,
      ...(policy === undefined ? {} : { Policy: policy }),
    });
    try {
      const { Credentials: given } = await sts.send(assume);
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {};
      if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) throw new Error('STS gave no credentials');
      return ok({
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretAccessKey,
        sessionToken: SessionToken,
        expiresAt: Expiration.toISOString(),
      });
    } catch (error) {
      const problem = stsRefusal(error, role);
      if (problem === undefined) throw error;
      return { ok: false, problem };
    }
  };

  /** Reads those of these that are secrets of AWS; undefined where none is. */
  const secretsSession = async (run: RunRecord, places: readonly string[]): Promise<Result<Session | undefined>> => {
    const arns = [...new Set(places)].filter(place => place.startsWith('arn:'));
    if (arns.length === 0) return ok(undefined);
    const policy = secretsSessionPolicy(arns);
    return policy.ok ? session(run, { role: runRole, policy: policy.value, seconds: shortest }) : policy;
  };

  const roleSession = async (
    run: RunRecord,
    repository: Repository,
    { minutes, ...settings }: StackSettings,
    inForce: Policy,
  ) => {
    const { command } = run.request;
    const { role } = settings[command];
    if (role === undefined) return ok(undefined);
    const path = canonicalPath(run.request.path);
    if (!path.ok) return path;
    const [, partition = ''] = role.split(':');
    const policy = roleSessionPolicy({ policy: inForce, repository, path: path.value, command, partition });
    if (!policy.ok) return policy;
    return session(run, { role, policy: policy.value, seconds: secondsFor(minutes) });
  };

  return {
    ofSource: (run, { deployKey, modules }) =>
      secretsSession(run, [deployKey ?? '', ...modules.map(module => module.deployKey)]),
    ofRun: async (run, repository, settings, inForce): Promise<Result<Credentials>> => {
      const { envSecrets } = settings[run.request.command];
      const [role, secrets] = await Promise.all([
        roleSession(run, repository, settings, inForce),
        secretsSession(
          run,
          envSecrets.map(({ secret }) => secret),
        ),
      ]);
      if (!role.ok) return role;
      if (!secrets.ok) return secrets;
      return ok({
        ...(role.value === undefined ? {} : { role: role.value }),
        ...(secrets.value === undefined ? {} : { secrets: secrets.value }),
      });
    },
  };
}

interface Wanted {
  readonly role: string;
  readonly policy: string | undefined;
  readonly seconds: number;
}

/** As short as STS makes them; and an hour is the most where one role assumes the next. */
const [shortest, longest] = [900, 3600];

/** For the run and a little more: one that is over must not leave anything that is good for long. */
const secondsFor = (minutes: number): number => Math.max(shortest, Math.min(longest, minutes * 60 + 300));

/** What trusts and policies of the roles may ask for: as it is, or the run fails. */
function tagsOf({ repo, request: { path }, asker: { identity } }: RunRecord): Result<Readonly<Record<string, string>>> {
  const tags = { repo, path, ...(identity && { job: identity.job, user: userOf(identity) }) };
  const wrong = Object.entries(tags).find(([, value]) => !/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$/u.test(value));
  if (wrong === undefined) return ok(tags);
  const [name, value] = wrong;
  return refuse(
    'E_CREDENTIALS',
    `AWS does not take ${quote(value)} as the tag \`${name}\` of a session`,
    'it takes at most 256 letters, digits, spaces and `_.:/=+-@`',
  );
}

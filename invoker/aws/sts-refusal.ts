/** What it means when STS refuses a role, in words for who can mend it. */
import type { Problem } from '../../policies/contract/error.ts';

/** Undefined for what may pass, or is nobody's but ours to mend. */
export function stsRefusal(error: unknown, role: string): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  switch (error.name) {
    case 'AccessDenied': {
      const [, action = 'sts:AssumeRole'] = /perform: (sts:[A-Za-z]+)/.exec(error.message) ?? [];
      return {
        code: 'E_CREDENTIALS',
        message: `AWS does not let this server assume the role \`${role}\`: ${action} is not allowed`,
        fix: `let the trust policy of that role allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity to ${principalIn(error.message)}`,
      };
    }
    case 'PackedPolicyTooLargeException':
      return {
        code: 'E_CREDENTIALS',
        message: 'what the run may reach takes more room than AWS has for it in a session',
        fix: 'have an admin say it with fewer, shorter names: secrets, `reads`, buckets',
      };
    default:
      return undefined;
  }
}

/** Who asked: AWS names its session, a trust names its role. A path of the role is lost on the way. */
function principalIn(message: string): string {
  const [, partition, account, name] =
    /User: arn:([^:\s]+):sts::(\d{12}):assumed-role\/([^/\s]+)\//.exec(message) ?? [];
  return name === undefined
    ? 'the role of the worker door'
    : `the role of the worker door, arn:${partition}:iam::${account}:role/${name}`;
}

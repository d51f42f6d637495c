/** Makes the trusted policy of a test from the written form, as YAML or as an object. */
import type { Policy } from '../../policies/allowlist.ts';
import { checkAllowlist } from '../../policies/check-policy.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { value } from './value.ts';

export function policyFrom(written: string | object): Policy {
  if (typeof written !== 'string') return value(checkAllowlist(written));
  const parsed = parseAllowlist(written, 'test.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.policy;
}

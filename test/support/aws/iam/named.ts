/** Does a statement of a resource's own policy name who asks, and how nearly? */

import { arnParts } from './arn.ts';
import { roleOf } from './context.ts';
import type { Statement } from './policy-document.ts';
import type { Principal } from './request.ts';

/**
 * From far to near: by its account, which leaves it to the account's own policies; by its role; by itself, or with
 * everybody. How near decides what else must allow the request.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
export const nearness = ['not', 'account', 'role', 'itself'] as const;
export type Nearness = (typeof nearness)[number];

export function named({ Principal: written }: Statement, principal: Principal): Nearness {
  if (written === undefined) throw new Error('a policy of a resource that names no principal');
  const found = Object.entries(written).flatMap(([type, names]) =>
    names.map(name => nearnessOf(type, name, principal)),
  );
  return nearness.findLast(near => found.includes(near)) ?? 'not';
}

function nearnessOf(type: string, name: string, principal: Principal): Nearness {
  if (type === 'Service') return 'service' in principal && principal.service === name ? 'itself' : 'not';
  if (type === 'Federated') return 'federated' in principal && principal.federated === name ? 'itself' : 'not';
  if (type !== 'AWS') throw new Error(`unknown type of principal ${type}`);
  if (name === '*') return 'itself';
  if (/[*?]/.test(name)) throw new Error(`a principal is named whole: ${name}`);
  if (!('arn' in principal)) return 'not';
  if (name === roleOf(principal)) return 'role';
  if (name === principal.arn) return 'itself';
  return accountOf(name) === principal.account ? 'account' : 'not';
}

function accountOf(name: string): string | undefined {
  if (/^\d{12}$/.test(name)) return name;
  const parts = arnParts(name);
  if (parts === undefined) throw new Error(`${name} is no principal`);
  return parts[5] === 'root' ? parts[4] : undefined;
}

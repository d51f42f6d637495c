/** Does a statement speak about a request: its action, its resource, its circumstances? */
import { holds } from './condition.ts';
import type { Keys } from './context.ts';
import { like, likeArn } from './pattern.ts';
import type { Statement } from './policy-document.ts';
import type { Request } from './request.ts';

export function covers(statement: Statement, { action, resource }: Request, keys: Keys): boolean {
  // Each is asked, so that what a statement has wrong comes to light with the first request.
  const all = [
    coversAction(statement, action),
    coversResource(statement, resource, keys),
    holds(statement.Condition, keys),
  ];
  return all.every(Boolean);
}

const coversAction = ({ Action, NotAction = [] }: Statement, action: string): boolean =>
  Action === undefined ? !names(NotAction, action) : names(Action, action);

/** Services and actions are the same in any letters. A wildcard stands in the action only, or alone. */
function names(written: readonly string[], action: string): boolean {
  const matched = written.map(one => {
    if (one !== '*' && !/^[a-z0-9-]+:[a-z0-9*?]+$/i.test(one)) throw new Error(`${one} is no action`);
    return like(one.toLowerCase(), action.toLowerCase(), new Map());
  });
  return matched.some(Boolean);
}

/** A role's trust names no resource: it is about the role it belongs to. */
function coversResource({ Resource, NotResource = [] }: Statement, resource: string, keys: Keys): boolean {
  if (Resource === undefined && NotResource.length === 0) return true;
  const matched = (Resource ?? NotResource).map(one => likeArn(one, resource, keys));
  return matched.some(Boolean) === (Resource !== undefined);
}

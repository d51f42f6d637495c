/** An IAM policy as the judge reads it: every element known, every value that may be a list is one. */

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Id?: string;
  readonly Statement: readonly Statement[];
}

/** Of each pair (`Action` and `NotAction`, `Resource` and `NotResource`) one is there; a role's trust has no resource. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: readonly string[];
  readonly NotResource?: readonly string[];
  /** By type (`AWS`, `Service`, `Federated`); `"*"` is `{AWS: ['*']}`. */
  readonly Principal?: Readonly<Record<string, readonly string[]>>;
  /** Operator, key, values: `{StringEquals: {'aws:SourceAccount': ['111111111111']}}`. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

const elements = new Set('Sid Effect Action NotAction Resource NotResource Principal Condition'.split(' '));

/**
 * Reads a policy, given as JSON or as what JSON stands for. Throws at anything it does not know, `NotPrincipal`
 * included: what a judge overlooks it judges wrongly.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function readPolicy(policy: unknown): PolicyDocument {
  const { Version, Id, Statement, ...rest } = object(typeof policy === 'string' ? JSON.parse(policy) : policy);
  none(rest, 'policy');
  // Older versions know no variables, so that `${…}` would mean itself.
  if (Version !== '2012-10-17') throw new Error(`policy of version ${String(Version)}`);
  const statements = Array.isArray(Statement) ? Statement : [Statement];
  return { Version, ...(Id !== undefined && { Id: text(Id) }), Statement: statements.map(statementOf) };
}

function statementOf(value: unknown): Statement {
  const { Sid, Effect, Principal, Condition, ...lists } = object(value);
  none(Object.fromEntries(Object.entries(lists).filter(([name]) => !elements.has(name))), 'statement');
  if (Effect !== 'Allow' && Effect !== 'Deny') throw new Error(`effect ${String(Effect)}`);
  if ('Action' in lists === 'NotAction' in lists) throw new Error('a statement has one of Action and NotAction');
  if ('Resource' in lists && 'NotResource' in lists) throw new Error('a statement has Resource and NotResource');
  return {
    ...(Sid !== undefined && { Sid: text(Sid) }),
    Effect,
    ...mapValues(lists, listOf),
    ...(Principal !== undefined && { Principal: principalOf(Principal) }),
    ...(Condition !== undefined && {
      Condition: mapValues(object(Condition), keys => mapValues(object(keys), listOf)),
    }),
  };
}

const principalOf = (value: unknown): Record<string, readonly string[]> =>
  value === '*' ? { AWS: ['*'] } : mapValues(object(value), listOf);

function listOf(value: unknown): readonly string[] {
  const list = (Array.isArray(value) ? value : [value]).map(one => text(typeof one === 'boolean' ? String(one) : one));
  if (list.length === 0) throw new Error('an empty list in a policy');
  return list;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} where a policy has a text`);
  return value;
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${JSON.stringify(value)} where a policy has an object`);
  }
  return value as Record<string, unknown>;
}

function none(rest: Record<string, unknown>, where: string): void {
  for (const name of Object.keys(rest)) throw new Error(`unknown element ${name} of a ${where}`);
}

const mapValues = <Value, Made>(of: Record<string, Value>, make: (value: Value) => Made): Record<string, Made> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]));

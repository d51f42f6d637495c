/** What a rule asks of an identity, and whether that is given. */
import type { Identity } from './contract/identity.ts';
import type { ClaimForm, IssuerKind } from './issuers/kind.ts';

/** As it is written: claim names to what they must be; `issuer` where the policy has several. */
export type IdentityBody = Readonly<Record<string, ConditionBody>>;
export type ConditionBody = string | number | boolean | readonly (string | number | boolean)[];

export interface IdentityCondition {
  readonly issuer: string;
  /** The claim that says whose job it is. */
  readonly project: string;
  readonly claims: readonly ClaimCondition[];
}

export interface ClaimCondition {
  readonly claim: string;
  readonly oneOf: ReadonlySet<string>;
  /** The levels there are, where the claim is one of an order. */
  readonly order?: ReadonlySet<string>;
  /** It says what the ref of the job is. */
  readonly isOfRef?: true;
}

/** A claim that is not as the rule asks; `given` is undefined where the token does not have it. What is wanted is the policy's. */
export interface Unmet {
  readonly claim: string;
  readonly given: string | undefined;
}

/** All that is not met, empty when the identity is as the rule asks. Another issuer meets nothing. */
export function unmet({ issuer, project, claims }: IdentityCondition, identity: Identity): Unmet[] {
  if (issuer !== identity.issuer) return [{ claim: 'iss', given: identity.issuer }];
  const isMet = ({ claim, oneOf }: ClaimCondition): boolean => {
    const value = given(identity, claim);
    return value !== undefined && oneOf.has(value);
  };
  const open = claims.filter(condition => !isMet(condition));
  // Whose job it is comes first: what else is wrong is of no account to a stranger.
  open.sort((a, b) => Number(b.claim === project) - Number(a.claim === project));
  return open.map(({ claim }) => ({ claim, given: given(identity, claim) }));
}

/**
 * Whether a rule that denies is for this identity: a claim that the token lacks, or a level that nobody knows, cannot be
 * told to be another one, and then the rule denies.
 */
export const mayBeMeant = ({ issuer, claims }: IdentityCondition, identity: Identity): boolean =>
  issuer === identity.issuer &&
  claims.every(({ claim, oneOf, order }) => {
    const value = given(identity, claim);
    return value === undefined || oneOf.has(value) || order?.has(value) === false;
  });

/** What is asked of the job's code, whoever started it: its ref, in its project. Undefined where nothing is asked of the ref. */
export function aboutRef(condition: IdentityCondition): IdentityCondition | undefined {
  const { project, claims } = condition;
  if (!claims.some(({ isOfRef }) => isOfRef)) return undefined;
  return { ...condition, claims: claims.filter(({ claim, isOfRef }) => isOfRef || claim === project) };
}

/** A claim of the token itself: not what every object has. */
const given = ({ claims }: Identity, claim: string): string | undefined =>
  Object.hasOwn(claims, claim) ? claims[claim] : undefined;

/** INVARIANT: `flawOf` has found nothing wrong with each value. */
export const conditionOf = (issuer: string, kind: IssuerKind, body: IdentityBody): IdentityCondition => ({
  issuer,
  project: kind.project,
  claims: Object.entries(body)
    .filter(([claim]) => claim !== 'issuer')
    .map(([claim, value]) => {
      const form = kind.forms[claim] ?? 'text';
      const order = typeof form === 'string' ? {} : { order: new Set(form) };
      const ofRef = kind.ofRef.includes(claim) ? ({ isOfRef: true } as const) : {};
      return { claim, oneOf: new Set(allowed(form, value)), ...order, ...ofRef };
    }),
});

/** What is wrong with one condition, in words; empty when nothing is. */
export function flawOf(form: ClaimForm, value: ConditionBody): string {
  if (form === 'yes-or-no') return typeof value === 'boolean' ? '' : 'must be `true` or `false`, without quotes';
  if (form !== 'text')
    return typeof value === 'string' && form.includes(value) ? '' : `must be the least of ${form.join(', ')}`;
  return [value].flat().some(one => typeof one === 'boolean') ? 'must be a text or a list of texts' : '';
}

/** A level stands for itself and all above it. */
function allowed(form: ClaimForm, value: ConditionBody): string[] {
  if (typeof form !== 'string') return form.slice(form.indexOf(String(value)));
  return (Array.isArray(value) ? value : [value]).map(String);
}

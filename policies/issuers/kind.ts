/** What the core asks of a kind of issuer: how its claims look, which of them rules may ask for, and what they mean. */

import type { Static, TSchema } from 'typebox';
import { compiled } from '../compiled.ts';
import { ok, type Result, refuse } from '../contract/error.ts';
import type { Identity } from '../contract/identity.ts';
import { placeName, schemaProblems } from '../schema-problem.ts';

/** How a rule may ask for a claim: by its values, as a yes or no, or by the least of an order. */
export type ClaimForm = 'text' | 'yes-or-no' | readonly [string, ...string[]];

export type IdentityFacts = Omit<Identity, 'issuer' | 'claims'>;

export interface IssuerKind {
  /** Claims that rules may ask for. */
  readonly forms: Readonly<Record<string, ClaimForm>>;
  /** The claim that says whose job it is: a rule that does not ask for it would trust every project of the issuer. */
  readonly project: string;
  /** Claims that say what the ref of the job is: they speak of its code, whoever started it. */
  readonly ofRef: readonly string[];
  /** From the payload of a token whose signature, issuer, audience and times are right. */
  readonly identify: (issuer: string, payload: unknown) => Result<Identity>;
}

/** `facts` is asked only for claims that fit the schema; it may refuse what they mean. */
export function issuerKind<Schema extends TSchema>(
  schema: Schema,
  { forms, project, ofRef }: Omit<IssuerKind, 'identify'>,
  facts: (claims: Static<Schema>) => Result<IdentityFacts>,
): IssuerKind {
  const claimsSchema = compiled(schema);
  return {
    forms,
    project,
    ofRef,
    identify: (issuer, payload) => {
      if (!claimsSchema().Check(payload))
        return refuse('E_TOKEN_CLAIMS', wrongClaims(schema, claimsSchema().Errors(payload)));
      const known = facts(payload as Static<Schema>);
      if (!known.ok) return known;
      const claims: Record<string, string> = {};
      for (const name of Object.keys(forms)) {
        const value = (payload as Record<string, unknown>)[name];
        if (typeof value === 'string') claims[name] = value;
      }
      return ok({ ...known.value, issuer, claims });
    },
  };
}

/** Names the claims, never their values. */
const wrongClaims = (schema: TSchema, errors: Parameters<typeof schemaProblems>[1]): string =>
  schemaProblems(schema, errors)
    .map(({ path, message }) => `claim ${placeName(path, 'set')} ${message}`)
    .join(', ');

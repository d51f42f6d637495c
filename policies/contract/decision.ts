/** What the policy says about one request, with the rule or the reasons that made it so. */
import { type Static, Type } from 'typebox';
import { ReasonSchema } from './error.ts';

/** The answer of `POST /v1/decisions`. */
export const DecisionSchema = Type.Object({
  outcome: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  rule: Type.Optional(Type.String()),
  reasons: Type.Array(ReasonSchema),
});
export type DecisionBody = Static<typeof DecisionSchema>;

/** One thing that a door does, whichever way it is asked: what it takes, what it answers, and how. */
import type { Static, TSchema } from 'typebox';

/** `secret` is what the caller shows: a token, or nothing. Refuses by throwing a `DoorError`. */
export interface DoorOperation {
  readonly summary: string;
  readonly body: TSchema;
  readonly answer: TSchema;
  /** INVARIANT: `body` has passed the schema. */
  readonly perform: (body: unknown, secret: string | undefined) => Promise<unknown>;
}

export const doorOperation = <Body extends TSchema, Answer extends TSchema>(
  summary: string,
  body: Body,
  answer: Answer,
  perform: (body: Static<Body>, secret: string | undefined) => Promise<Static<Answer>>,
): DoorOperation => ({
  summary,
  body,
  answer,
  perform: (checked, secret) => perform(checked as Static<Body>, secret),
});

/** What is judged: one action on one resource, and who asks. */

/** A user, a role or a session of one; a service; or a person or job that an identity provider vouches for. */
export type Principal = Identity | { readonly service: string } | { readonly federated: string };

export interface Identity {
  /** `arn:aws:iam::…:user/…`, `…:role/…` (any session of it) or `arn:aws:sts::…:assumed-role/…`. */
  readonly arn: string;
  readonly account: string;
  /** The ARN of the role whose session this is: the session's own leaves out the role's path. Needed for sessions. */
  readonly role?: string;
  /** Of the role and the session: `aws:PrincipalTag/…`. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface Request {
  /** `service:Name`, without a wildcard. */
  readonly action: string;
  /** An ARN, or `*` for an action that knows no resources. */
  readonly resource: string;
  /** The account of the resource. Needed where its ARN names none, as for S3. */
  readonly resourceAccount?: string;
  /** What the request says of itself besides the principal's own keys, for conditions and variables. */
  readonly context?: Context;
  readonly principal: Principal;
}

export type Context = Readonly<Record<string, string | readonly string[]>>;

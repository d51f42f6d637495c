/** Says whether AWS would let a request through, given every policy that applies to it. */
import type { PolicyDocument } from './policy-document.ts';
import type { Request } from './request.ts';

export interface Policies {
  readonly identity: readonly PolicyDocument[];
  readonly boundary?: PolicyDocument;
  readonly session?: PolicyDocument;
  /** The bucket's, key's or function's own; of a role, its trust. */
  readonly resource?: PolicyDocument;
  /** Of the VPC endpoint that the request passes. */
  readonly endpoint?: PolicyDocument;
}

/** `because` is the policy that allows, or what stands in the way. */
export type Verdict =
  | { readonly allowed: true; readonly because: 'identity' | 'resource policy'; readonly statement: string }
  | {
      readonly allowed: false;
      readonly because:
        | 'explicit deny'
        | 'no allow in identity'
        | 'no allow in resource policy'
        | 'boundary'
        | 'session'
        | 'endpoint';
      /** Of an explicit deny: the policy and the statement's `Sid` or place. */
      readonly statement?: string;
    };

export function judge(_request: Request, _policies: Policies): Verdict {
  throw new Error('to come');
}

/** The sessions that the front has issued: whose they are, what narrows them, and until when. */
import type { PolicyDocument } from './iam/policy-document.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

export interface SessionOptions {
  readonly name?: string;
  readonly policy?: PolicyDocument;
  readonly tags?: Readonly<Record<string, string>>;
  readonly sourceIdentity?: string;
  readonly seconds?: number;
}

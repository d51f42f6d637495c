/** The sessions that the front has issued: whose they are, what narrows them, and until when. */
import { randomBytes } from 'node:crypto';
import type { PolicyDocument } from './iam/policy-document.ts';
import type { Identity } from './iam/request.ts';
import type { World } from './world.ts';

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

export interface Session {
  readonly principal: Identity & { readonly role: string };
  readonly credentials: Credentials;
  readonly policy?: PolicyDocument;
  readonly sourceIdentity?: string;
}

export interface Sessions {
  issue(role: string, options?: SessionOptions): Session;
  find(accessKeyId: string): Session | undefined;
  all(): readonly Session[];
}

export function createSessions({ roles }: World): Sessions {
  const issued = new Map<string, Session>();
  return {
    issue(role, { name = 'test', policy, tags, sourceIdentity, seconds = 3600 } = {}) {
      const [, partition, account = '', path = ''] = /^arn:([^:]+):iam::(\d{12}):role\/(.+)$/.exec(role) ?? [];
      const known = roles[role];
      if (!known || path === '') throw new Error(`no role ${role}`);
      const session: Session = {
        principal: {
          arn: `arn:${partition}:sts::${account}:assumed-role/${path.split('/').at(-1)}/${name}`,
          account,
          role,
          tags: { ...known.tags, ...tags },
        },
        credentials: {
          accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
          secretAccessKey: randomBytes(30).toString('base64'),
          sessionToken: randomBytes(90).toString('base64'),
          expiration: new Date(Date.now() + seconds * 1000),
        },
        ...(policy && { policy }),
        ...(sourceIdentity !== undefined && { sourceIdentity }),
      };
      issued.set(session.credentials.accessKeyId, session);
      return session;
    },
    find: accessKeyId => issued.get(accessKeyId),
    all: () => [...issued.values()],
  };
}

/** Who asks, as a verified token says it: the same for every kind of issuer, and nothing that a rule does not need. */
import { type Static, Type } from 'typebox';
import { CommitShaSchema } from './request.ts';

const closed = { additionalProperties: false } as const;
const text = Type.String({ maxLength: 1024 });

export const IdentitySchema = Type.Object(
  {
    issuer: Type.String({ description: "the policy's name for it" }),
    job: Type.String({ description: 'unique at the issuer' }),
    user: Type.String({ description: 'unique at the issuer, and never given to somebody else' }),
    login: Type.String({ description: 'the name of the user, for people' }),
    project: Type.String({ description: 'the name of the project, for people' }),
    ref: Type.Optional(Type.String({ description: 'full name of the branch or tag the job runs for' })),
    commit: CommitShaSchema,
    isMergeRequest: Type.Boolean({ description: 'the job runs for code that is not merged' }),
    claims: Type.Record(text, text, { description: 'the claims that rules may ask for, as texts' }),
  },
  closed,
);
export type Identity = Static<typeof IdentitySchema>;

/** What the policy knows of whoever asks, besides the request. Without an identity it is a token of the machine. */
export const AskerSchema = Type.Object(
  {
    identity: Type.Optional(IdentitySchema),
    planners: Type.Array(text, {
      description: 'users who planned this path in merge requests since its last apply, as `issuer:user`',
    }),
  },
  closed,
);
export type Asker = Static<typeof AskerSchema>;

/** A machine's token: it says that somebody holds it, and nothing else. */
export const nobodyInParticular: Asker = { planners: [] };

/** Tells users of different issuers apart. */
export const userOf = ({ issuer, user }: Identity): string => `${issuer}:${user}`;

/** For people and for the audit trail. */
export const callerOf = ({ login, project, job }: Identity): string => `${login} via ${project} job ${job}`;

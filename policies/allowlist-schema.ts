/** The policy file as it is written: its schema, with what belongs in every place, and the types made from it. */
import { type Static, Type } from 'typebox';
import { CommandSchema } from './contract/request.ts';
import type { IdentityBody } from './identity-condition.ts';
import { IssuerSchema } from './issuers/issuer-schema.ts';
import { kindNames, kinds } from './issuers/kinds.ts';
import { PathsSchema, RefsSchema } from './pattern-schema.ts';
import { secretPlacePattern } from './run-as-schema.ts';
import { StackSchema } from './stack-schema.ts';

const closed = { additionalProperties: false } as const;

const NameSchema = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: 'a name of at most 64 letters, digits, `.`, `_` and `-`',
});

const CommandsSchema = Type.Array(CommandSchema, { minItems: 1, description: '[plan], [apply] or [plan, apply]' });

const one = Type.Union([Type.String({ minLength: 1, maxLength: 1024 }), Type.Integer(), Type.Boolean()]);
const ConditionSchema = Type.Union([one, Type.Array(one, { minItems: 1, maxItems: 100 })], {
  description: 'a text, a list of texts, or `true` or `false`, as the claim wants it',
});

const claimNames = new Set(kindNames.flatMap(name => Object.keys(kinds[name].forms)));

/** Every claim of every kind; which belong to the issuer of the rule is checked once that is known. */
const IdentitySchema = Type.Unsafe<IdentityBody>(
  Type.Object(
    {
      issuer: Type.Optional(NameSchema),
      ...Object.fromEntries([...claimNames].map(name => [name, Type.Optional(ConditionSchema)])),
    },
    { ...closed, description: 'claims of the caller\'s ID token and what they must be, like `project_id: "20"`' },
  ),
);

const RuleObject = Type.Object(
  {
    name: NameSchema,
    allow: Type.Optional(CommandsSchema),
    deny: Type.Optional(CommandsSchema),
    refs: Type.Optional(RefsSchema),
    paths: Type.Optional(PathsSchema),
    identity: Type.Optional(IdentitySchema),
    distinct_applier: Type.Optional(
      Type.Literal(true, { description: 'true: who applies is not who planned it in a merge request' }),
    ),
  },
  {
    ...closed,
    description: 'a name, `allow` or `deny`, `refs` and `paths`; only a deny rule may leave out `refs` or `paths`',
  },
);
export type RuleBody = Static<typeof RuleObject>;

const ruleFlaw = ({ allow, deny, refs, paths, identity, distinct_applier }: RuleBody): string => {
  if ((allow === undefined) === (deny === undefined))
    return 'must have either `allow` or `deny`; fix: keep one of them';
  if (distinct_applier && (!allow?.includes('apply') || identity === undefined))
    return 'has `distinct_applier`, which needs `allow: [apply]` and `identity`; fix: add them, or leave it out';
  if (allow === undefined) return '';
  if (refs === undefined || paths === undefined)
    return 'allows, but not from where or what; fix: add `refs` and `paths`';
  const unreviewed = allow.includes('apply') && refs.some(ref => ref.startsWith('refs/merge-requests/'));
  return unreviewed ? 'allows apply from merge requests, which anybody may open; fix: allow only plan from them' : '';
};

const RuleSchema = Type.Refine(RuleObject, rule => ruleFlaw(rule) === '', ruleFlaw);

const sshUrl = [
  '^ssh://[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*(?::[1-9][0-9]{0,4})?/[A-Za-z0-9._~/+@-]+$',
  '^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_~/][A-Za-z0-9._~/+@-]*$',
];
const localUrl = '^/[^\\u0000-\\u001f\\u007f]+$';

const deployKey = Type.String({
  pattern: secretPlacePattern,
  description: 'file:/absolute/path of a private key, or the arn: of the secret in Secrets Manager that holds it',
});
const knownHosts = Type.String({
  pattern: '^[^\\u0000-\\u0009\\u000b-\\u001f\\u007f]*[!-~][^\\u0000-\\u0009\\u000b-\\u001f\\u007f]*$',
  description: "the server's host keys, in lines of the form `host type key`",
});

const ModuleSchema = Type.Object(
  {
    url: Type.String({ pattern: sshUrl.join('|'), description: 'git@host:path or ssh://git@host:port/path' }),
    deploy_key: deployKey,
    known_hosts: knownHosts,
  },
  { ...closed, description: 'url, deploy_key (read-only) and known_hosts of a repository with modules' },
);

const RepositoryObject = Type.Object(
  {
    url: Type.String({
      pattern: [...sshUrl, localUrl].join('|'),
      description: 'git@host:path, ssh://git@host:port/path, or an absolute path of this machine',
    }),
    deploy_key: Type.Optional(deployKey),
    known_hosts: Type.Optional(knownHosts),
    modules: Type.Optional(
      Type.Array(ModuleSchema, { minItems: 1, description: 'private repositories that modules may come from' }),
    ),
    rules: Type.Array(RuleSchema, { minItems: 1, description: 'who may do what; what no rule allows is denied' }),
    stacks: Type.Optional(
      Type.Array(StackSchema, { minItems: 1, description: 'how stacks run: a list of settings for paths' }),
    ),
  },
  { ...closed, description: 'url, deploy_key and known_hosts for ssh, rules, and stacks if needed' },
);
export type RepositoryBody = Static<typeof RepositoryObject>;

const RepositorySchema = Type.Refine(
  RepositoryObject,
  ({ url, deploy_key, known_hosts }) => url.startsWith('/') || (deploy_key !== undefined && known_hosts !== undefined),
  () => 'is reached by ssh, but has no `deploy_key` or no `known_hosts`; fix: add both',
);

/** The whole file. The JSON Schema for editors is this, written out. */
export const AllowlistSchema = Type.Object(
  {
    version: Type.Literal(1, { description: '1, the version of this format' }),
    issuers: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }), IssuerSchema, {
        ...closed,
        minProperties: 1,
        description: 'whose ID tokens are believed: a map from a name to kind, issuer, audience and keys',
      }),
    ),
    trust_invoker: Type.Optional(
      Type.Literal(true, { description: 'true: whoever may invoke the deploy door is believed without an ID token' }),
    ),
    repositories: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }), RepositorySchema, {
      ...closed,
      minProperties: 1,
      description: 'a map from the name of each repository to its url, rules and stacks',
    }),
  },
  { ...closed, description: '`version: 1` and `repositories`' },
);
export type AllowlistBody = Static<typeof AllowlistSchema>;

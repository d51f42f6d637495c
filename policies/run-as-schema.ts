/** As whom a plan or an apply runs, as it is written in the policy file: a role of AWS, and secrets for its environment. */
import { type Static, Type } from 'typebox';
import { environmentNamePattern } from './environment-name.ts';

const closed = { additionalProperties: false } as const;

/** Where a secret is kept. No wildcard: on AWS this very text becomes the resource that a session may read. */
export const secretPlacePattern =
  '^file:/[^\\u0000-\\u001f\\u007f]+$|^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$';

const EnvSecretSchema = Type.Object(
  {
    secret: Type.String({
      pattern: secretPlacePattern,
      description:
        'the arn: of a secret in Secrets Manager, or file:/absolute/path on one machine; it holds a JSON object',
    }),
    key: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
      description: 'the key of the JSON object whose value is taken',
    }),
  },
  { ...closed, description: '`secret`, where it is kept, and `key`, what is taken of it' },
);

export const RunAsSchema = Type.Object(
  {
    role: Type.Optional(
      Type.String({
        pattern: '^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}$',
        description: 'the role of AWS that it gets, arn:aws:iam::<account>:role/<name>',
      }),
    ),
    env_secrets: Type.Optional(
      Type.Record(Type.String({ pattern: environmentNamePattern }), EnvSecretSchema, {
        ...closed,
        description: 'a map from an environment variable, like SCW_SECRET_KEY, to the `secret` and `key` that fill it',
      }),
    ),
  },
  { ...closed, minProperties: 1, description: '`role` and `env_secrets`: as whom it runs' },
);
export type RunAsBody = Static<typeof RunAsSchema>;

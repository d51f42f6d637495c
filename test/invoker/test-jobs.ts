/** A control plane whose policy believes the ID tokens of jobs, and a stub that says whose each of them is. */
import { type ErrorCode, ok, refuse } from '../../policies/contract/error.ts';
import type { Identity } from '../../policies/contract/identity.ts';
import type { RequestBody } from '../../policies/contract/request.ts';
import type { Created } from '../../policies/contract/run.ts';
import { commitA } from './sample-run.ts';
import { type Answer, type ErrorAnswer, type Plane, type PlaneOptions, testPlane } from './test-plane.ts';

const project = 'identity: {project_id: "20"}';
export const jobsPolicy = `version: 1
issuers:
  gitlab: {kind: gitlab, issuer: https://gitlab.example.com, audience: https://deploy.example.com, jwks_url: https://gitlab.example.com/keys}
repositories:
  infra-live:
    url: /srv/infra-live.git
    rules:
      - {name: plan-project, allow: [plan], refs: [refs/heads/**], paths: [prod/**], ${project}}
      - {name: apply-project, allow: [apply], refs: [refs/heads/main], paths: [prod/**], ${project}}
      - {name: plan-machine, allow: [plan], refs: [refs/heads/**], paths: [prod/**]}
`;
export const distinctPolicy = jobsPolicy.replace(
  `apply], refs: [refs/heads/main], paths: [prod/**], ${project}`,
  '$&, distinct_applier: true',
);

export const anna: Identity = {
  issuer: 'gitlab',
  job: '302',
  user: '7',
  login: 'anna.k',
  project: 'acme/infra-live',
  ref: 'refs/heads/main',
  commit: commitA,
  isMergeRequest: false,
  claims: { project_id: '20', user_login: 'anna.k' },
};
export const ben: Identity = { ...anna, job: '303', user: '8', login: 'ben.o' };
export const caller = 'anna.k via acme/infra-live job 302';

/** Whose the token is, or why it is not believed. */
type Bearer = Identity | ErrorCode;

export interface Jobs {
  readonly plane: Plane;
  /** Of the form of an ID token: the part in the middle says whose it is, and the stub believes it. */
  readonly tokenOf: (who: Bearer) => string;
  readonly ask: (bearer: string, request?: Partial<RequestBody>) => Promise<Answer<Created & ErrorAnswer>>;
  readonly accepted: (bearer: string, request?: Partial<RequestBody>) => Promise<Created>;
  /** Status and code of the answer. */
  readonly refused: (bearer: string, request?: Partial<RequestBody>) => Promise<readonly [number, string | undefined]>;
}

export async function jobsPlane(policy = jobsPolicy, options: PlaneOptions = {}): Promise<Jobs> {
  const bearers = new Map<string, Bearer>();
  const plane = await testPlane({
    ...options,
    policy,
    verify: async token => {
      const who = bearers.get(token) ?? 'E_TOKEN_SIGNATURE';
      return typeof who === 'string' ? refuse(who, 'the ID token is not believed') : ok(who);
    },
  });
  const ask: Jobs['ask'] = (bearer, request = {}) =>
    plane.ask('POST', '/v1/runs', {
      token: bearer,
      body: { command: 'plan', path: 'prod/vpc', ref: 'main', ...request },
    });
  return {
    plane,
    tokenOf: who => {
      const token = `header.${bearers.size}.signature`;
      bearers.set(token, who);
      return token;
    },
    ask,
    accepted: async (bearer, request) => {
      const { status, body, text } = await ask(bearer, request);
      if (status !== 202) throw new Error(`${status} ${text}`);
      return body;
    },
    refused: async (bearer, request) => {
      const { status, body } = await ask(bearer, request);
      return [status, body.error?.code];
    },
  };
}

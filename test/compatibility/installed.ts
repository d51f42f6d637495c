/** The installation that conversations are recorded with: its policy, and whose each ID token is. They stay as they are for every version. */
import type { Identity } from '../../policies/contract/identity.ts';

export const installedPolicy = `version: 1
issuers:
  gitlab: {kind: gitlab, issuer: https://gitlab.example.com, audience: https://deploy.example.com, jwks_url: https://gitlab.example.com/keys}
repositories:
  infra-live:
    url: git@gitlab.example.com:acme/infra-live.git
    deploy_key: arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf
    known_hosts: gitlab.example.com ssh-ed25519 AAAA
    rules:
      - {name: plan, allow: [plan], refs: [refs/heads/**], paths: [prod/**], identity: {project_id: "20"}}
      - {name: apply, allow: [apply], refs: [refs/heads/main], paths: [prod/**], identity: {project_id: "20"}}
    stacks:
      - paths: [prod/**]
        backend: {type: s3, config: {bucket: acme-tfstate, key: "{path}/terraform.tfstate"}}
        plan: {role: "arn:aws:iam::222222222222:role/tf-plan"}
        apply: {role: "arn:aws:iam::222222222222:role/tf-apply"}
`;

export const commit = 'a'.repeat(40);

/** `job-302` is the token of that job; every other text is nobody's. */
export function identityOf(idToken: string): Identity | undefined {
  const [, job] = /^job-(\d+)$/.exec(idToken) ?? [];
  if (job === undefined) return undefined;
  return {
    issuer: 'gitlab',
    job,
    user: '7',
    login: 'anna.k',
    project: 'acme/infra-live',
    ref: 'refs/heads/main',
    commit,
    isMergeRequest: false,
    claims: { project_id: '20', user_login: 'anna.k' },
  };
}

/** The state of another stack: as the backend, as data, or in place of one's own. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpBackend, startHttpBackend } from '../../support/http-backend.ts';
import { requires } from '../../support/requirements.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield, refusedByTheGate } from './attack.ts';

const resource = 'resource "terraform_data" "x" {}\n';
const terraform = (block: string) => `terraform {\n${block}}\n`;
const backend = (type: string, body: string) => terraform(`  backend "${type}" {\n${body}  }\n`);
const own = { 'main.tf': resource + backend('http', '') };
const remoteState = (type: string, config: string) =>
  `data "terraform_remote_state" "x" {\n  backend = "${type}"\n  config  = ${config}\n}\noutput "x" {\n  value = nonsensitive(data.terraform_remote_state.x.outputs.secret)\n}\n`;

/** `http` is where the policy keeps the states of these stacks: each below the name of its repository. */
const attacks = (http: string): readonly (Attack & { readonly rule: string })[] =>
  (
    [
      {
        name: 'override-with-another-backend',
        row: 'RCE-20',
        files: ({ foreignState }) => ({ ...own, 'zzz_override.tf': backend('local', `path = "${foreignState}"\n`) }),
      },
      {
        name: 'override-in-json',
        row: 'RCE-21',
        files: { ...own, 'a_override.tf.json': `{"terraform": {"backend": {"http": {"address": "${http}/other"}}}}` },
      },
      {
        name: 'backend-of-another-type',
        row: 'RCE-22',
        files: ({ foreignState }) => ({ 'main.tf': resource + backend('local', `path = "${foreignState}"\n`) }),
      },
      {
        name: 'backend-of-another-stack',
        row: 'RCE-25',
        files: { 'main.tf': resource + backend('http', `address = "${http}/other"\n`) },
      },
      {
        name: 'backend-with-more-than-the-policy',
        files: { 'main.tf': resource + backend('http', `lock_address = "${http}/other"\n`) },
      },
      {
        name: 'backend-credentials',
        rule: 'backend-credentials',
        files: { 'main.tf': resource + backend('http', 'username = "x"\npassword = "y"\n') },
      },
      { name: 'cloud', files: { 'main.tf': resource + terraform('  cloud {\n    organization = "evil"\n  }\n') } },
      {
        name: 'second-backend-in-json',
        files: { ...own, 'b.tf.json': `{"terraform": [{"backend": [{"http": [{"address": "${http}/other"}]}]}]}` },
      },
      {
        name: 'state-of-another-stack-as-a-file',
        row: 'RCE-26',
        rule: 'remote-state',
        files: ({ foreignState }) => ({ ...own, 'data.tf': remoteState('local', `{ path = "${foreignState}" }`) }),
      },
      {
        name: 'state-of-another-stack',
        row: 'RCE-26',
        rule: 'remote-state',
        files: { ...own, 'data.tf': remoteState('http', `{ address = "${http}/other" }`) },
      },
      {
        name: 'state-of-a-stack-that-is-put-together',
        rule: 'remote-state',
        files: {
          ...own,
          'data.tf': `locals {\n  who = "other"\n}\n${remoteState('http', `{ address = "${http}/\${local.who}" }`)}`,
        },
      },
      {
        name: 'state-of-another-stack-in-a-check',
        rule: 'remote-state',
        files: {
          ...own,
          'data.tf': `check "c" {\n${remoteState('http', `{ address = "${http}/other" }`).split('output')[0]}  assert {\n    condition = false\n    error_message = jsonencode(data.terraform_remote_state.x.outputs)\n  }\n}\n`,
        },
      },
    ] satisfies (Attack & { rule?: string })[]
  ).map(attack => ({
    rule: 'backend',
    stack: { backend: { type: 'http', config: { address: `${http}/{repo}` } } },
    ...attack,
  }));

describe.skipIf(requires('sshd', 'terraform'))('the state of another stack', { timeout: 60_000 }, () => {
  let field: Battlefield;
  let http: HttpBackend;
  const found = attacks('http://127.0.0.1:1');
  beforeAll(async () => {
    http = await startHttpBackend();
    field = await battlefield(attacks(http.url));
    await fetch(`${http.url}/other`, { method: 'POST', body: readFileSync(field.prey.foreignState) });
  });
  afterAll(() => Promise.all([field?.stop(), http?.stop()]));

  test.each(found)('$name is refused before Terraform starts', async ({ name }) => {
    const attack = attacks(http.url).find(one => one.name === name);
    if (attack) await refusedByTheGate(field, attack, attack.rule);
    expect(http.requests).toEqual(['POST /other 200']);
  });

  test('nothing is left of any', () => nothingLeft(field.server));
});

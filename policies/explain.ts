/** Tells a person what was denied and what to do instead. */

import type { Reason } from './asker.ts';
import type { Request } from './contract/request.ts';
import { quote } from './quote.ts';

/** The most telling reason; a denial without any is one all the same. */
export const leadingReason = ([first]: readonly Reason[]): Reason =>
  first ?? { code: 'E_DENIED_BY_RULE', message: 'the policy denies this' };

/** Made of the first reason, which is the most telling; commands in the fix are ready to paste. */
export function explainDenial(
  request: Request,
  reasons: readonly Reason[],
): { readonly message: string; readonly fix?: string } {
  const { command, path, ref } = request;
  const message = `${command} of ${path} from ${ref.text} is not allowed`;
  const [reason] = reasons;
  const fix = reason && fixOf(reason, request);
  return fix === undefined ? { message } : { message, fix };
}

function fixOf({ code, rule }: Reason, { command, path }: Request): string | undefined {
  const plan = `plan here: infra-deployer --command plan --path ${path}`;
  const named = rule === undefined ? 'a rule' : `rule ${quote(rule)}`;
  switch (code) {
    case 'E_REF_NOT_ALLOWED':
      return command === 'apply'
        ? `merge to a ref that ${named} allows and run the apply there, or ${plan}`
        : `plan from a ref that ${named} allows`;
    case 'E_COMMAND_NOT_ALLOWED':
      return command === 'apply' ? `ask an admin for a rule that allows it, or ${plan}` : askAdmin;
    case 'E_PATH_NOT_ALLOWED':
      return `check the path, or ${askAdmin}`;
    case 'E_REPO_NOT_ALLOWED':
      return 'give the name of a repository of the policy, or its exact url, with --repo, and ask as somebody its rules are for';
    case 'E_COMMIT_PLAN_ONLY':
      return `apply from the branch or tag, or ${plan}`;
    case 'E_CLAIM_NOT_ALLOWED':
      return `ask from a job that ${named} is for: GitLab and GitHub say in the documentation of ID tokens what makes a claim`;
    case 'E_MERGE_REQUEST_PIPELINE':
      return 'merge it, and apply in the pipeline of the branch';
    case 'E_TOKEN_REF':
    case 'E_TOKEN_COMMIT':
      return 'ask for the ref and commit that the job runs for, or leave --ref and --sha out';
    case 'E_SAME_PERSON':
      return 'let somebody else run the apply job, or plan in the merge request again as somebody else';
    case 'E_DENIED_BY_RULE':
      return `${named} is there to stop this; ask an admin if it should not`;
    case 'E_MODE_NOT_ALLOWED':
      return 'leave `mode` out of the request';
    case 'E_REPLACE_NOT_ALLOWED':
      return 'leave `replace` out of the request';
    case 'E_REASON_NOT_ALLOWED':
      return 'leave `reason` out of the request';
    case 'E_RECEIPT_NOT_ALLOWED':
      return 'leave `receipt` out of the request';
    default:
      return undefined;
  }
}

const askAdmin = 'ask an admin for a rule that allows it';

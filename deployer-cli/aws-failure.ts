/** Why AWS did not invoke a function, in words, and what to do about it. */
import { type Failure, fail } from './failure.ts';
import type { FunctionAddress } from './function-address.ts';
import { networkReason } from './network-reason.ts';
import { onOneLine } from './read-answer.ts';

/** `error` is what the SDK has thrown, for the call or for the credentials that it wanted first. */
export function awsFailure(error: unknown, server: string, { alias }: FunctionAddress): Failure {
  const [name, status] = [error instanceof Error ? error.name : '', statusOf(error)];
  const said = error instanceof Error ? sentence(error.message) : '';
  // Its own words for a region that is missing, and for one that is empty.
  if (/^Region (?:is missing|not accepted)/.test(said))
    return fail('E_SETTINGS', `nobody says in which region ${server} is`, regionFix).failure;
  const credentials = credentialsFailure(name, said, server, alias);
  if (credentials) return credentials;
  if (name === 'ResourceNotFoundException')
    return fail('E_SETTINGS', `there is no function ${server} with the alias \`${alias}\``, functionFix).failure;
  if (status === 429) return fail('E_SERVER_AWAY', `the server ${server} is busy: AWS throttles its function`).failure;
  if (status !== undefined && status < 500)
    return { code: 'E_BAD_ANSWER', message: `AWS did not invoke ${server}: ${name}: ${said}`, status };
  const why = status === undefined ? networkReason(error) : said;
  return fail('E_SERVER_AWAY', `the server ${server} does not answer: ${why}`).failure;
}

function credentialsFailure(name: string, said: string, server: string, alias: string): Failure | undefined {
  const because = (message: string, fix = credentialsFix) => fail('E_AWS_CREDENTIALS', message, fix).failure;
  if (noCredentials.test(name)) return because(`no AWS credentials to invoke ${server} with: ${said}`);
  if (expired.test(name)) return because(`the AWS credentials to invoke ${server} with have expired`);
  // What AWS says of a signature repeats what was signed, the session token too.
  if (badSignature.test(name)) return because(`AWS does not take the credentials to invoke ${server}: ${name}`);
  if (!refused.test(name)) return undefined;
  return because(`AWS does not let these credentials invoke ${server}: ${said}`, permissionFix(alias));
}

/** The function ran, and ended without an answer. `body` is what the platform says of it, cleaned. */
export function functionFailure(body: unknown, server: string): Failure {
  const said = typeof body === 'object' && body !== null && 'errorMessage' in body ? String(body.errorMessage) : '';
  return fail('E_SERVER_AWAY', `the function of ${server} failed: ${sentence(said) || 'it does not say why'}`).failure;
}

const noCredentials = /^(?:CredentialsProviderError|TokenProviderError)$/;
const expired = /^(?:ExpiredToken|RequestExpired)/;
const badSignature = /Signature|^(?:UnrecognizedClient|InvalidClientTokenId|MissingAuthenticationToken)/;
const refused = /^(?:AccessDenied|InvalidIdentityToken|IDPRejectedClaim)/;

const regionFix = 'set AWS_REGION, or name the function by its ARN';
const credentialsFix =
  'in GitLab set AWS_ROLE_ARN, and AWS_WEB_IDENTITY_TOKEN_FILE to a file with an ID token for AWS;\n' +
  'on a laptop sign in to AWS, and name the profile by AWS_PROFILE';
const permissionFix = (alias: string) =>
  `they need lambda:InvokeFunction of its alias \`${alias}\`; in GitLab the trust of AWS_ROLE_ARN must fit project and ref`;
const functionFix = 'look at the name, the alias and the region (AWS_REGION, or the one in an ARN)';

const sentence = (message: string): string => onOneLine(message).trim().slice(0, 300);

const statusOf = (error: unknown): number | undefined => {
  const { $metadata } = error instanceof Error && '$metadata' in error ? error : {};
  const { httpStatusCode } =
    typeof $metadata === 'object' && $metadata && 'httpStatusCode' in $metadata ? $metadata : {};
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
};

/** Entry point of the control plane in an account: one bundle, and each function is what its settings say. The only place of it that sees process. */
import { functionOf } from './aws/functions.ts';
import { jsonLog } from './aws/log.ts';
import { readSettings } from './aws/settings.ts';

let requestId: string | undefined;
const log = jsonLog(
  line => process.stdout.write(line),
  () => requestId,
);
const serve = functionOf(readSettings(process.env.INFRA_DEPLOYER_SETTINGS), log);

/** Of the context only AWS's own id of the request counts: whoever invokes may have written the rest. */
export const handler = async (
  event: unknown,
  { awsRequestId }: { readonly awsRequestId: string },
): Promise<unknown> => {
  requestId = awsRequestId;
  return serve(event, awsRequestId);
};

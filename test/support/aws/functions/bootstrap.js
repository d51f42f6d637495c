// What AWS's own runtime does for a function of Node.js: calls `handler` of the bundle named on the command line for each
// event, and marks what is printed by `console`. Plain JavaScript, since it runs with nothing around it.
import { get, request } from 'node:http';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
let requestId = '';
// The runtime's text format: a line that a function wants to be JSON must go to standard output itself.
for (const level of ['debug', 'error', 'info', 'log', 'trace', 'warn']) {
  console[level] = (...said) =>
    process.stdout.write(
      `${new Date().toISOString()}\t${requestId}\t${level === 'log' ? 'INFO' : level.toUpperCase()}\t${said.join(' ')}\n`,
    );
}

/** No fetch here: it gives up on a long poll after five minutes. */
const send = (path, body) =>
  new Promise((resolve, reject) => {
    const answered = async response => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() });
    };
    const sent =
      body === undefined ? get(`${api}${path}`, answered) : request(`${api}${path}`, { method: 'POST' }, answered);
    sent.on('error', reject);
    sent.end(body);
  });

const described = error =>
  JSON.stringify({ errorType: error?.name ?? 'Error', errorMessage: error?.message ?? String(error), trace: [] });

let handler;
try {
  ({ handler } = await import(process.argv[2]));
  if (typeof handler !== 'function') throw new Error('index.handler is undefined or not exported');
  if (handler.length > 2) throw new Error('callback-based function handlers are not supported');
} catch (error) {
  if (error.code === 'ERR_MODULE_NOT_FOUND') error.name = 'Runtime.ImportModuleError';
  await send('/init/error', described(error));
  process.exit(1);
}

while (true) {
  const { headers, text } = await send('/invocation/next');
  requestId = headers['lambda-runtime-aws-request-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const clientContext = headers['lambda-runtime-client-context'];
  try {
    const answer = await handler(JSON.parse(text), {
      awsRequestId: requestId,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      tenantId: headers['lambda-runtime-aws-tenant-id'],
      ...(clientContext && { clientContext: JSON.parse(clientContext) }),
      getRemainingTimeInMillis: () => deadline - Date.now(),
    });
    await send(`/invocation/${requestId}/response`, JSON.stringify(answer ?? null));
  } catch (error) {
    console.error('Invoke Error', described(error));
    await send(`/invocation/${requestId}/error`, described(error));
  }
}

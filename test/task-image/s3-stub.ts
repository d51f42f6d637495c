/** As much of S3 as keeps states: objects by path, for whoever has a session that is good at this moment. */
import { type Answered, type Asked, startAwsStub } from './aws-stub.ts';

export interface S3Stub {
  readonly url: string;
  readonly objects: ReadonlyMap<string, string>;
  /** What was asked by whom, in order: `PUT /bucket/key ASIA… 200`. */
  readonly log: readonly string[];
}

/** `isGood` knows the sessions by their key and token. */
export async function startS3(isGood: (accessKeyId: string, token: string) => boolean): Promise<S3Stub> {
  const stub = await startAwsStub();
  const objects = new Map<string, string>();
  const log: string[] = [];
  stub.answer(asked => {
    const { headers, method } = asked;
    const [, key = 'nobody'] = /Credential=([^/]+)\//.exec(headers.authorization ?? '') ?? [];
    const path = new URL(asked.path, stub.url).pathname;
    const isAllowed = isGood(key, `${headers['x-amz-security-token']}`);
    const answer = isAllowed ? answerTo(objects, asked, path) : failure(400, 'ExpiredToken');
    log.push(`${method} ${path} ${key} ${answer.status ?? 200}`);
    return answer;
  });
  return { url: stub.url, objects, log };
}

function answerTo(objects: Map<string, string>, { method, path, headers, body }: Asked, name: string): Answered {
  const object = objects.get(name);
  if (path.includes('list-type=2'))
    return { body: '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>' };
  if (method === 'PUT') {
    if (headers['if-none-match'] === '*' && object !== undefined) return failure(412, 'PreconditionFailed');
    objects.set(name, body.toString());
    return {};
  }
  if (method === 'DELETE') {
    objects.delete(name);
    return { status: 204 };
  }
  if (object === undefined) return failure(404, 'NoSuchKey');
  // Whoever reads in parts goes on until it is told that there are no more.
  const bytes = Buffer.byteLength(object);
  const range = { 'content-range': `bytes 0-${bytes - 1}/${bytes}` };
  return headers.range === undefined ? { body: object } : { status: 206, headers: range, body: object };
}

const failure = (status: number, code: string): Answered => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<Error><Code>${code}</Code><Message>no</Message></Error>`,
});

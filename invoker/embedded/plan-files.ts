/** Saved plans on one machine: AES-256-GCM files of mode 0600, reached only by urls that carry their own grant. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ErrorSchema, ok, type Result, refuse } from '../../policies/contract/error.ts';
import { RunIdSchema } from '../../policies/contract/request.ts';
import { DoorError } from '../errors.ts';
import type { Plans } from '../ledger.ts';
import { digestOf, type Keys, sameSecret } from '../secret.ts';

const maxBytes = 256 * 1024 * 1024;
const grantMs = 10 * 60 * 1000;

export interface PlanFileParts {
  readonly directory: string;
  readonly keys: Pick<Keys, 'plan' | 'grant'>;
  readonly url: () => string;
  readonly now: () => number;
}

export function planFiles({ directory, keys, url, now }: PlanFileParts) {
  const fileOf = (planId: string): string => join(directory, `${planId}.plan`);
  const sign = (...fields: (string | number)[]): string =>
    createHmac('sha256', keys.grant).update(fields.join('\n')).digest('base64url');

  const plans: Plans = {
    grantUpload: async (planId, { digest, size }) => {
      const until = now() + grantMs;
      const grant = sign('put', planId, digest, size, until);
      return `${url()}/plans/${planId}?digest=${digest}&size=${size}&until=${until}&grant=${grant}`;
    },
    grantDownload: async planId => {
      const until = now() + grantMs;
      return `${url()}/plans/${planId}?until=${until}&grant=${sign('get', planId, until)}`;
    },
    has: async planId => existsSync(fileOf(planId)),
    remove: async planId => {
      for (const name of readdirSync(directory))
        if (name.startsWith(`${planId}.`)) rmSync(join(directory, name), { force: true });
    },
    // Also what is left of a plan that was being written when the server died.
    list: async () => [...new Set(readdirSync(directory).map(name => name.split('.')[0] ?? ''))],
  };

  /** A plan that is sent twice, since the first answer got lost, is stored once. */
  const holds = async (planId: string, digest: string): Promise<boolean> => {
    const opened = open(await readFile(fileOf(planId)), keys.plan);
    return opened.ok && digestOf(opened.value) === digest;
  };

  const routes = async (app: FastifyInstance): Promise<void> => {
    app.addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'buffer', bodyLimit: maxBytes },
      (_request, body, done) => done(null, body),
    );
    const params = Type.Object({ planId: RunIdSchema });
    const until = Type.String({ pattern: '^[0-9]{1,15}$' });
    const grant = Type.String({ maxLength: 64 });
    const put = Type.Object({
      digest: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      size: Type.String({ pattern: '^[0-9]{1,10}$' }),
      until,
      grant,
    });
    const get = Type.Object({ until, grant });
    const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };

    // Before a byte of the body is read: nobody without a grant fills our memory.
    app.addHook('onRequest', async request => {
      const { planId } = request.params as { planId: string };
      const { digest, size, until, grant } = request.query as Record<string, unknown>;
      const fields = request.method === 'PUT' ? ['put', planId, digest, size, until] : ['get', planId, until];
      const isGranted = sameSecret(sign(...fields.map(String)), String(grant)) && Number(until) > now();
      if (!isGranted) throw unknownGrant();
      if (request.method === 'PUT' && request.headers['content-length'] !== size) throw otherPlan();
    });

    app.put<{
      Params: { planId: string };
      Querystring: { digest: string; size: string; until: string; grant: string };
    }>(
      '/plans/:planId',
      { bodyLimit: maxBytes, schema: { params, querystring: put, response: { 201: Type.Object({}), ...errors } } },
      async (request, reply) => {
        const { planId } = request.params;
        const { digest, size } = request.query;
        const body = request.body;
        if (!Buffer.isBuffer(body) || body.length !== Number(size) || digestOf(body) !== digest) throw otherPlan();
        const isNew = await createOnly(fileOf(planId), seal(body, keys.plan));
        if (!isNew && !(await holds(planId, digest))) throw otherPlan();
        reply.code(201);
        return {};
      },
    );

    app.get<{ Params: { planId: string }; Querystring: { until: string; grant: string } }>(
      '/plans/:planId',
      {
        schema: {
          params,
          querystring: get,
          response: { 200: Type.Unsafe<Buffer>({ type: 'string', format: 'binary' }), ...errors },
        },
      },
      async (request, reply) => {
        const { planId } = request.params;
        if (!(await plans.has(planId))) throw unknownGrant();
        const opened = open(await readFile(fileOf(planId)), keys.plan);
        if (!opened.ok) throw new DoorError(opened.problem);
        reply.type('application/octet-stream');
        return reply.send(opened.value);
      },
    );
  };

  return { plans, routes };
}

const otherPlan = () => new DoorError({ code: 'E_BAD_REQUEST', message: 'the plan is not the one the grant is for' });

const unknownGrant = () => new DoorError({ code: 'E_NOT_FOUND', message: 'there is nothing here for this grant' });

/** A plan is whole or not there, and is never written twice: a hard link refuses an existing name. False where it is. */
async function createOnly(file: string, content: Uint8Array): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/** nonce (12 bytes) + tag (16) + ciphertext */
function seal(plain: Uint8Array, key: Uint8Array): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

function open(sealed: Buffer, key: Uint8Array): Result<Buffer> {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
    decipher.setAuthTag(sealed.subarray(12, 28));
    return ok(Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]));
  } catch {
    return refuse('E_PLAN_DAMAGED', 'the stored plan has been changed', 'plan again, look at it, then apply');
  }
}

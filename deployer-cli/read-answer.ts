/** Reads what a deploy server answers, whichever way it came: cleaned, and either as expected or a failure. */
import type { ErrorBody } from '../policies/contract/error.ts';
import { printable, withoutColour } from '../policies/printable.ts';
import { isErrorBody } from './answer.ts';
import { done, type Failure, type Outcome } from './failure.ts';

export interface Answer {
  readonly server: string;
  /** As of HTTP; absent where the answer has none. */
  readonly status?: number;
  /** Cleaned by `parseAnswer`. */
  readonly body: unknown;
  /** What to do about an answer that is none of an infra-deployer server. */
  readonly fix: string;
}

export function readAnswer<T>(answer: Answer, isExpected: (body: unknown) => body is T): Outcome<T> {
  const { server, status = 0, body, fix } = answer;
  if (status >= 200 && status < 300 && isExpected(body)) return done(body);
  if (status >= 400 && isErrorBody(body)) return { ok: false, failure: failureOf(body.error, status) };
  const what = status >= 300 && status < 400 ? ' (a redirect, which is not followed)' : '';
  const said = status === 0 ? 'answered' : `answered ${status}${what}, and`;
  const message = `${server} ${said} not as an infra-deployer server does`;
  return { ok: false, failure: { code: 'E_BAD_ANSWER', message, fix, ...(status === 0 ? {} : { status }) } };
}

function failureOf({ code, message, fix, requestId, details }: ErrorBody['error'], status: number): Failure {
  return {
    code,
    message,
    ...(fix === undefined ? {} : { fix }),
    ...(details?.reasons ? { reasons: details.reasons } : {}),
    requestId,
    status,
  };
}

/** Everything the server sends is cleaned here, once: colours stay in the lines of the log only. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text, (key, value) => {
      if (typeof value !== 'string') return value;
      return key === 'text' ? printable(value) : onOneLine(value);
    });
  } catch {
    return undefined;
  }
}

/** Foreign words as they can be said in a sentence of ours. */
export const onOneLine = (text: string): string => withoutColour(text.replaceAll(/[\r\n]+/g, ' '));

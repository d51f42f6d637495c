/** How an expected refusal or failure travels through the CLI: its own, the server's, or the network's. */
import type { OwnCode } from './exit-code.ts';

/**
 * `code` is stable; a newer server may send one this version does not know, so it is any string.
 * `status` is the HTTP status it came with; absent for what the CLI itself refuses and for a server that is away.
 */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly reasons?: readonly { readonly message: string; readonly rule?: string }[];
  readonly requestId?: string;
  readonly status?: number;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export const done = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const fail = (code: OwnCode, message: string, fix?: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: fix === undefined ? { code, message } : { code, message, fix },
});

/** The log of a function: one JSON object per line. Whoever invokes may ask to be shown it, so it says nothing secret. */

/** What alarms count: metric filters of the Terraform module look for these words. */
export type LogEvent = 'denied' | 'failed' | 'start-failed' | 'lost' | 'policy-broken' | 'mirror-failed';

export interface Log {
  readonly warn: (event: LogEvent, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (event: LogEvent, fields?: Readonly<Record<string, unknown>>) => void;
}

/** Enough of what went wrong to find it. */
export const wordsOf = (error: unknown): string =>
  (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, 4000);

/** `requestId` is that of the invocation under way: CloudTrail knows it by the same name. */
export function jsonLog(write: (line: string) => void, requestId: () => string | undefined): Log {
  const say =
    (level: string) =>
    (event: LogEvent, fields: Readonly<Record<string, unknown>> = {}) =>
      write(`${JSON.stringify({ level, event, requestId: requestId(), ...fields })}\n`);
  return { warn: say('warn'), error: say('error') };
}

/** Hides secrets in what a worker tells of its end: in every word that is read by people. Pure. */
import type { Finish } from '../../policies/contract/worker.ts';

/** The door takes no longer ones, and a mask may be longer than what it hides. */
const longestText = 4096;
const longestAddress = 1024;

export function maskedReport(report: Finish, masked: (text: string) => string): Finish {
  const { error, changes, tool } = report;
  const words = (text: string): string => masked(text).slice(0, longestText);
  const explained = ({ code, message, fix }: NonNullable<Finish['error']>) => ({
    code,
    message: words(message),
    ...(fix === undefined ? {} : { fix: words(fix) }),
  });
  return {
    ...report,
    ...(error ? { error: explained(error) } : {}),
    ...(changes
      ? { changes: changes.map(change => ({ ...change, address: masked(change.address).slice(0, longestAddress) })) }
      : {}),
    ...(tool ? { tool: { binary: masked(tool.binary), version: masked(tool.version) } } : {}),
  };
}

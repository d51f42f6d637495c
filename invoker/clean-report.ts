/** Cleans what a worker says of its end: unreviewed code may have written it. Pure. */
import type { Finish } from '../policies/contract/worker.ts';
import { withoutColour } from '../policies/printable.ts';
import { changedTexts } from '../policies/report-texts.ts';

/** Addresses are worth reading up to here; answers and records keep to their limits whatever a worker sends. */
const changesBytes = 150_000;

/** One line each, no colour, nothing a terminal obeys, and no more than an answer can hold. */
export function cleanReport(report: Finish): Finish {
  const { changes, ...rest } = changedTexts(report, withoutColour);
  let size = 0;
  const fits = ({ address }: { readonly address: string }): boolean => {
    size += Buffer.byteLength(address) + 40;
    return size <= changesBytes;
  };
  return { ...rest, ...(changes && { changes: changes.filter(fits) }) };
}

/** Cleans what a worker says of its end: unreviewed code may have written it. Pure. */
import type { Finish } from '../policies/contract/worker.ts';
import { withoutColour } from '../policies/printable.ts';

/** Addresses are worth reading up to here; answers stay under 1 MB whatever a worker sends. */
const changesCharacters = 150_000;

/** One line each, no colour, nothing a terminal obeys, and no more than an answer can hold. */
export function cleanReport(report: Finish): Finish {
  const { error, changes, tool, state } = report;
  const clean = ({ code, message, fix }: NonNullable<Finish['error']>) => ({
    code,
    message: withoutColour(message),
    ...(fix === undefined ? {} : { fix: withoutColour(fix) }),
  });
  return {
    ...report,
    ...(error ? { error: clean(error) } : {}),
    ...(changes ? { changes: someOf(changes) } : {}),
    ...(state?.lineage === undefined ? {} : { state: { ...state, lineage: withoutColour(state.lineage) } }),
    ...(tool ? { tool: { binary: withoutColour(tool.binary), version: withoutColour(tool.version) } } : {}),
  };
}

function someOf(changes: NonNullable<Finish['changes']>): NonNullable<Finish['changes']> {
  let size = 0;
  const cleaned = changes.map(change => ({ ...change, address: withoutColour(change.address) }));
  return cleaned.filter(({ address }) => {
    size += address.length + 40;
    return size <= changesCharacters;
  });
}

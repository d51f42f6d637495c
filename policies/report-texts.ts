/** The words in a worker's report that people read, all in one place: whoever masks or cleans them forgets none. */
import type { Finish } from './contract/worker.ts';

/** The same report with each of its texts changed; `longest` is what the contract lets a text of its place be. */
export function changedTexts(report: Finish, changed: (text: string, longest: number) => string): Finish {
  const { error, changes, tool, state } = report;
  return {
    ...report,
    ...(error && {
      error: {
        code: error.code,
        message: changed(error.message, 4096),
        ...(error.fix !== undefined && { fix: changed(error.fix, 4096) }),
      },
    }),
    ...(changes && { changes: changes.map(one => ({ ...one, address: changed(one.address, 1024) })) }),
    ...(tool && { tool: { binary: changed(tool.binary, 32), version: changed(tool.version, 64) } }),
    ...(state?.lineage !== undefined && { state: { ...state, lineage: changed(state.lineage, 128) } }),
  };
}

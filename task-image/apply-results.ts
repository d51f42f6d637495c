/** Tells where an apply ends to report progress and begins to repeat values: in its diagnostics and outputs. Pure. */

/** The box of a diagnostic in UTF-8 (`╷`, `│`), and what begins one without a box. */
const mark = /\u00e2\u0095\u00b7|\u00e2\u0094\u0082|Error: |Warning: |Outputs:/;
const longestMark = 9;

/** Takes the chunks of one output in their order, and answers how much of each comes before the first line of results. */
export function beforeResults(): (chunk: Buffer) => number {
  // A mark may lie across two chunks.
  let last = '';
  return chunk => {
    const text = last + chunk.toString('latin1');
    const at = text.search(mark);
    const lineStart = text.lastIndexOf('\n', at) + 1;
    const size = at < 0 ? chunk.length : Math.max(0, lineStart - last.length);
    last = text.slice(-longestMark);
    return size;
  };
}

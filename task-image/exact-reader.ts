/** Reads so many bytes of a stream, and no more and no fewer. */

export interface ExactReader {
  /** The next `size` bytes, as they come. Throws when the stream ends before. */
  readonly exactly: (size: number) => AsyncGenerator<Buffer>;
  /** Whether nothing is left. */
  readonly ended: () => Promise<boolean>;
}

export function exactReader(stream: AsyncIterable<Buffer>): ExactReader {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  const fill = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const next = await chunks.next();
      if (next.done) return false;
      rest = next.value;
    }
    return true;
  };

  return {
    async *exactly(size) {
      for (let left = size; left > 0; ) {
        if (!(await fill())) throw new Error('it ends too early');
        const part = rest.subarray(0, left);
        rest = rest.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
    ended: async () => !(await fill()),
  };
}

/** JSON as few bytes: an item of the table has at most 400 KB, and each of them costs. Pure. */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/** The highest quality takes a second for a megabyte; this one takes some milliseconds and leaves little more. */
const quality = 5;

export function packed(value: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(value));
  return brotliCompressSync(json, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: json.length },
  });
}

/** The JSON that `packed` was given, as text. */
export const unpacked = (bytes: Uint8Array): string => brotliDecompressSync(bytes).toString();

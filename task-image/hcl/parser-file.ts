/** Where the HCL parser's WebAssembly is: beside the bundle, as the build has put it there, or as it was installed. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const parserFile = 'hcl.wasm';

export function parserBytes(): Uint8Array {
  const bundled = join(import.meta.dirname, parserFile);
  return existsSync(bundled) ? readFileSync(bundled) : installedParser();
}

/** Unpacked once, at build: that takes as long as everything else that starts it. */
export const installedParser = (): Uint8Array =>
  gunzipSync(readFileSync(createRequire(import.meta.url).resolve('@cdktn/hcl2json/main.wasm.gz')));

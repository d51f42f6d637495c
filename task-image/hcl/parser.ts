/** HashiCorp's own HCL parser, compiled to WebAssembly: it runs in the process that loads it, so only in one that may be killed. */
import '@cdktn/hcl2json/wasm/wasm_exec.js';
import { parserBytes } from './parser-file.ts';
import type { HclParser } from './read-text.ts';

type Answer = (error: string | null, json: string) => void;
interface Bridge {
  parse?: (name: string, text: string, answer: Answer) => void;
}
/** What Go's own loader, the package and Node put into the global scope. */
interface Loaded {
  readonly Go: new () => { readonly importObject: object; readonly run: (instance: object) => Promise<void> };
  readonly WebAssembly: {
    readonly instantiate: (bytes: Uint8Array, imports: object) => Promise<{ readonly instance: object }>;
  };
  __parse_terraform_config_wasm__: Bridge;
}

/** The package's own way in reads a compressed file with the help of another package: this one starts in half the time. */
export async function loadParser(): Promise<HclParser> {
  const loaded = globalThis as unknown as Loaded;
  const bridge: Bridge = {};
  loaded.__parse_terraform_config_wasm__ = bridge;
  const go = new loaded.Go();
  const { instance } = await loaded.WebAssembly.instantiate(parserBytes(), go.importObject);
  // It ends only when it has crashed, and would then never answer.
  void go.run(instance).then(() => process.exit(70));
  const { parse } = bridge;
  if (parse === undefined) throw new Error('the HCL parser did not start');
  return text =>
    new Promise((resolve, reject) => {
      try {
        parse('', text, (error, json) => (error ? reject(new Error(error)) : resolve(json)));
      } catch {
        // Out of stack or memory in the middle of its work: it is no longer to be trusted.
        process.exit(70);
      }
    });
}

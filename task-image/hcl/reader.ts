/** Reads configuration files in a process of its own, which is killed when it takes too long, and remembers what it read. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readingCache } from './cache.ts';
import type { Reading } from './read-text.ts';

export interface SourceFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One request to the process. */
export interface AskedFile {
  readonly syntax: 'hcl' | 'json';
  readonly content: string;
}

export interface HclReader {
  /** A reading for each of the files, in their order. Never throws for what is in them. */
  readonly read: (files: readonly SourceFile[]) => Promise<Reading[]>;
  /** Ends the process, if one was started. */
  readonly close: () => void;
}

export interface ReaderParts {
  /** The run that this is for: lets the launcher find what is left of it. */
  readonly runId?: string;
  /** Where readings are kept from run to run; absent: nowhere. */
  readonly cacheDir?: string;
  /** For all that is read with one reader. */
  readonly deadlineMs?: number;
}

const fileBytes = 1024 * 1024;
const totalBytes = 16 * 1024 * 1024;
/** An empty one takes time too. */
const fileCost = 1024;

export function hclReader({ runId = '', cacheDir, deadlineMs = 20_000 }: ReaderParts): HclReader {
  const cache = readingCache(cacheDir);
  let left = totalBytes;
  let process: ReadingProcess | undefined;
  const readOne = async ({ name, bytes }: SourceFile): Promise<Reading> => {
    left -= bytes.length + fileCost;
    if (bytes.length > fileBytes) return { problem: `it is larger than ${fileBytes} bytes`, line: 1 };
    if (left < 0) return { problem: `the configuration is larger than ${totalBytes} bytes`, line: 1 };
    const syntax = name.endsWith('.json') ? 'json' : 'hcl';
    const key = cache.key(syntax, bytes);
    const known = cache.get(key);
    if (known) return known;
    process ??= readingProcess(runId, deadlineMs);
    const reading = await process.ask({ syntax, content: Buffer.from(bytes).toString('base64') });
    if ('document' in reading) cache.put(key, reading);
    return reading;
  };
  return {
    read: files => Promise.all(files.map(readOne)),
    close: () => {
      process?.kill();
      cache.trim();
    },
  };
}

interface ReadingProcess {
  readonly ask: (file: AskedFile) => Promise<Reading>;
  readonly kill: () => void;
}

const gone: Reading = { problem: 'the parser did not come to an end with it', line: 1 };

function readingProcess(runId: string, deadlineMs: number): ReadingProcess {
  const child = start(runId);
  const waiting: ((reading: Reading) => void)[] = [];
  let isGone = false;
  const end = (): void => {
    isGone = true;
    child.kill('SIGKILL');
    for (const answer of waiting.splice(0)) answer(gone);
  };
  const deadline = setTimeout(end, deadlineMs);
  child.once('error', end);
  child.once('close', () => {
    clearTimeout(deadline);
    end();
  });
  // It may be gone while it is written to.
  child.stdin?.on('error', () => {});
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', line => {
      const reading = answered(line);
      // What is no answer are its last words.
      if (reading === undefined) end();
      else waiting.shift()?.(reading);
    });
  return {
    ask: file =>
      new Promise(resolve => {
        if (isGone) return resolve(gone);
        waiting.push(resolve);
        child.stdin?.write(`${JSON.stringify(file)}\n`);
      }),
    kill: end,
  };
}

function answered(line: string): Reading | undefined {
  try {
    return JSON.parse(line) as Reading;
  } catch {
    return undefined;
  }
}

/** Beside the bundle it is a bundle too. */
function start(runId: string): ChildProcess {
  const bundled = join(import.meta.dirname, 'hcl.js');
  const entry = existsSync(bundled) ? bundled : join(import.meta.dirname, 'process.ts');
  return spawn(process.execPath, [...limits, entry], {
    // Lets the launcher find it, should the worker be gone before it.
    env: { INFRA_DEPLOYER_RUN: runId },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
}

/**
 * Memory of JavaScript in MiB, memory of the parser in pages of 64 KiB; no time for compiling what runs once; and no debugger
 * for whoever may signal it.
 */
const limits = ['--max-old-space-size=256', '--wasm-max-mem-pages=8192', '--liftoff-only', '--disable-sigusr1'];

/** Keeps readings by what was read, so that a file which did not change is not parsed again: one file each, at most so many. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBody } from './document.ts';
import type { Reading } from './read-text.ts';

export interface ReadingCache {
  readonly key: (syntax: string, bytes: Uint8Array) => string;
  readonly get: (key: string) => Reading | undefined;
  readonly put: (key: string, reading: Reading) => void;
  /** Drops the oldest where there are too many. */
  readonly trim: () => void;
}

/** Goes up with the parser, and with whatever else changes a reading. */
const version = 'hcl2json 0.24.0, 2';
const mostEntries = 2000;

export function readingCache(directory: string | undefined, most = mostEntries): ReadingCache {
  const key = (syntax: string, bytes: Uint8Array): string =>
    createHash('sha256').update(`${version}\0${syntax}\0`).update(bytes).digest('hex');
  if (directory === undefined) return { key, get: () => undefined, put: () => {}, trim: () => {} };
  let isChanged = false;
  return {
    key,
    get: name => trusted(readIfThere(join(directory, name))),
    put: (name, reading) => {
      isChanged = true;
      attempt(() => {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        const part = join(directory, `${name}.${randomUUID()}`);
        writeFileSync(part, JSON.stringify(reading), { mode: 0o600 });
        renameSync(part, join(directory, name));
      });
    },
    trim: () => {
      if (isChanged) attempt(() => dropOldest(directory, most));
    },
  };
}

/** Only what has the shape of a document that was read; anything else was never there. */
function trusted(text: string | undefined): Reading | undefined {
  if (text === undefined) return undefined;
  try {
    const { document } = JSON.parse(text) as { document?: { body?: unknown; places?: unknown } };
    if (!isBody(document?.body) || !Array.isArray(document.places) || !document.places.every(isPlace)) return undefined;
    return { document: { body: document.body, places: document.places } };
  } catch {
    return undefined;
  }
}

const isPlace = (value: unknown): value is { path: string[]; line: number } =>
  isBody(value) &&
  Number.isInteger(value.line) &&
  Array.isArray(value.path) &&
  value.path.every(name => typeof name === 'string');

function dropOldest(directory: string, most: number): void {
  const names = readdirSync(directory);
  if (names.length <= most) return;
  const aged = names.map(name => ({ file: join(directory, name), age: statSync(join(directory, name)).mtimeMs }));
  // A fifth more than needed, so that this is rare.
  for (const { file } of aged.sort((a, b) => a.age - b.age).slice(0, names.length - Math.floor(most * 0.8)))
    rmSync(file, { force: true });
}

/** A cache that cannot be written only costs time. */
function attempt(write: () => void): void {
  try {
    write();
  } catch {
    // Nothing was promised.
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

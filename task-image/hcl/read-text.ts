/** From the bytes of one configuration file to its document; whatever two readers could understand differently is refused. */
import { parseStrictJson } from '../../policies/strict-json.ts';
import { type Body, bodiesAt, type Document, isBody, type Place } from './document.ts';
import { blockHeaders, lineCounter } from './headers.ts';
import { objectPlaces } from './json-places.ts';
import { Unreadable } from './lexer.ts';

/** The document, or what is wrong and in which line. */
export type Reading = { readonly document: Document } | { readonly problem: string; readonly line: number };

/** Turns HCL into the JSON that means the same; rejects where it is not HCL. */
export type HclParser = (text: string) => Promise<string>;

export async function readText(bytes: Uint8Array, syntax: 'hcl' | 'json', parse: HclParser): Promise<Reading> {
  const text = decoded(bytes);
  if (text === undefined) return { problem: 'it is not UTF-8', line: 1 };
  try {
    return { document: syntax === 'json' ? readJson(bytes, text) : await readHcl(text, parse) };
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message, line: lineCounter(text)(error.at) };
    const words = error instanceof Error ? error.message : String(error);
    const [, line = '1', problem = words] = /:(\d+),\d+-[\d,]+: (.*?)[;\]]/s.exec(words) ?? [];
    return { problem, line: Number(line) };
  }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Configuration is deeper than what is sent to a door, and its keys may be anybody's tags. */
const limits = { maxDepth: 100, forbiddenKeys: new Set(['__proto__']) };
/** Names on the ways to all blocks. */
const mostSteps = 1_000_000;

function readJson(bytes: Uint8Array, text: string): Document {
  const parsed = parseStrictJson(bytes, limits);
  if (!parsed.ok) throw new Unreadable(parsed.problem.message.replace('the body', 'it'), 0);
  if (!isBody(parsed.value)) throw new Unreadable('it is not an object', 0);
  return { body: parsed.value, places: fewEnough(objectPlaces(text)) };
}

/** Structure first: it stops at a depth at which the parser would take the process with it. */
async function readHcl(marked: string, parse: HclParser): Promise<Document> {
  // Terraform passes over one byte order mark in HCL, and over none in JSON.
  const text = marked.replace(/^\ufeff/, '');
  const places = fewEnough(blockHeaders(text));
  const body = JSON.parse(await parse(text)) as unknown;
  if (!isBody(body)) throw new Unreadable('it has no arguments and no blocks', 0);
  const lost = lostPlace(body, places);
  if (lost) throw new Unreadable(`the block \`${lost.path.join(' ')}\` is read in two ways`, 0);
  return { body, places };
}

function fewEnough(places: readonly Place[]): readonly Place[] {
  if (places.reduce((sum, { path }) => sum + path.length, 0) <= mostSteps) return places;
  throw new Unreadable('it has too many blocks', 0);
}

/** INVARIANT: no block of the source is missing in the tree. */
function lostPlace(body: Body, places: readonly Place[]): Place | undefined {
  const groups = Map.groupBy(places, ({ path }) => JSON.stringify(path));
  for (const [first, ...others] of groups.values())
    if (first && bodiesAt(body, first.path).length < others.length + 1) return first;
  return undefined;
}

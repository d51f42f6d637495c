/** What earlier versions, and this one, have said and kept: a directory for each minor version. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exchange } from './conversation.ts';
import type { Item } from './doors.ts';

export const recordings = join(import.meta.dirname, 'recordings');
export const recorded = { conversation: 'conversation.json', inFlight: 'in-flight.json' } as const;

export interface Conversation {
  /** When it began, in ms since 1970. */
  readonly from: number;
  readonly exchanges: readonly Exchange[];
}

export interface InFlight {
  readonly from: number;
  readonly running: { readonly id: string; readonly runKey: string; readonly token: string };
  readonly queued: { readonly id: string; readonly runKey: string };
  /** Every item of the table. */
  readonly items: readonly Item[];
}

export const readConversation = (minor: string): Conversation => read(minor, recorded.conversation);

export function readInFlight(minor: string): InFlight {
  const { items, ...rest } = read<InFlight>(minor, recorded.inFlight);
  return { ...rest, items: items.map(withBytes) };
}

const read = <T>(minor: string, name: string): T =>
  JSON.parse(readFileSync(join(recordings, minor, name), 'utf8')) as T;

const withBytes = (item: Item): Item =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.B === undefined ? value : { B: Buffer.from(String(value.B), 'base64') },
    ]),
  );

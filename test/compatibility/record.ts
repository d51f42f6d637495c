/**
 * Writes down how this version speaks, and what it keeps, for the next to be held to: `node test/compatibility/record.ts`,
 * once for each minor version, when it is released. What is there already is never written again.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { startMoto } from '../support/aws/moto.ts';
import { inFlight, wholeConversation } from './conversation.ts';
import { type Item, openDoors } from './doors.ts';
import { recorded, recordings } from './recordings.ts';

const minor = manifest.version.split('.').slice(0, 2).join('.');
const directory = join(recordings, minor);
if (existsSync(directory)) throw new Error(`${directory} is there already: what was released stays as it is`);
const from = Date.now();
const moto = await startMoto();
const conversation = await wholeConversation(await openDoors(moto, 'conversation', from));
const doors = await openDoors(moto, 'in-flight', from);
const held = await inFlight(doors);
const items = (await doors.items()).map(textOf);
await moto.stop();

mkdirSync(directory, { recursive: true });
const write = (name: string, content: object) =>
  writeFileSync(join(directory, name), `${JSON.stringify(content, undefined, 1)}\n`);
write(recorded.conversation, { from, exchanges: conversation });
write(recorded.inFlight, { from, ...held, items });

/** In JSON there are no bytes. */
function textOf(item: Item): object {
  const texts = Object.entries(item).map(([name, value]) => [
    name,
    value.B === undefined ? value : { B: Buffer.from(value.B).toString('base64') },
  ]);
  return Object.fromEntries(texts);
}

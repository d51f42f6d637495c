/** Finds where the objects of a JSON text start: JSON.parse tells what is in them, but not where they are. */
import type { Place } from './document.ts';
import { lineCounter } from './headers.ts';

/** Every object below the outermost, in the order of the text, by the keys that lead to it. `text` is valid JSON. */
export function objectPlaces(text: string): Place[] {
  const places: Place[] = [];
  const line = lineCounter(text);
  /** The keys of the objects that are open; a list adds none of its own. */
  const path: string[] = [];
  const open: ('{' | '[')[] = [];
  let isKey = false;
  for (const token of text.matchAll(/"(?:[^"\\]+|\\.)*"|[{}[\],]/g)) {
    const [sign] = token;
    if (sign === '{') {
      if (open.length > 0) places.push({ path: path.slice(0), line: line(token.index) });
      open.push('{');
      path.push('');
      isKey = true;
    } else if (sign === '[') {
      open.push('[');
      isKey = false;
    } else if (sign === '}' || sign === ']') {
      if (open.pop() === '{') path.pop();
    } else if (sign === ',') isKey = open.at(-1) === '{';
    else if (isKey) {
      path[path.length - 1] = String(JSON.parse(sign));
      isKey = false;
    }
  }
  return places;
}

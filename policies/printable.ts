/** Makes one line of foreign text safe to store and to print: colours stay, everything else a terminal obeys goes. */

const esc = '\u001b';
const sgr = new RegExp(`^${esc}\\[[0-9;:]{0,64}m`);
/** CSI, and the string sequences OSC, DCS, SOS, PM, APC up to their end or the end of the line (ECMA-48). */
const sequence = new RegExp(
  `^(?:${esc}\\[[0-?]*[ -/]*[@-~]?|${esc}[\\]PX^_][^\\u0007${esc}]*(?:\\u0007|${esc}\\\\)?|${esc}[ -/]*[0-~]?)`,
);
const unsafe = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;
const unsafeAll = new RegExp(unsafe.source, 'g');

/**
 * Keeps tabs, printable characters and SGR sequences (`ESC [ … m`); removes other escape sequences whole, and single
 * control characters (C0, DEL, C1). Pure and idempotent.
 */
export function printable(line: string): string {
  if (!unsafe.test(line)) return line;
  let clean = '';
  let rest = line;
  for (;;) {
    const at = rest.indexOf(esc);
    if (at < 0) return clean + rest.replaceAll(unsafeAll, '');
    clean += rest.slice(0, at).replaceAll(unsafeAll, '');
    rest = rest.slice(at);
    const colour = sgr.exec(rest)?.[0] ?? '';
    clean += colour;
    // Every other escape is a sequence, if only of the escape itself: the rest gets shorter each time.
    rest = colour === '' ? rest.replace(sequence, '') : rest.slice(colour.length);
  }
}

/** Removes the colours too, for files and places that show none. */
export const withoutColour = (line: string): string =>
  printable(line).replaceAll(new RegExp(`${esc}\\[[0-9;:]*m`, 'g'), '');

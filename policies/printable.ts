/** Makes foreign text safe to store and to print: colours stay, everything else that a terminal or a CI log obeys goes. */

const esc = '\u001b';
const colour = `${esc}\\[[0-9;:]{0,64}m`;
/** CSI, and the string sequences OSC, DCS, SOS, PM, APC up to their end or the end of the line (ECMA-48). */
const sequence = `${esc}\\[[0-?]*[ -\\/]*[@-~]?|${esc}[\\]PX^_][^\\u0007${esc}\\n]*(?:\\u0007|${esc}\\\\)?|${esc}[ -\\/]*[0-~]?`;
/**
 * Controls (C0, DEL, C1), and what shows nothing but hides or reorders what is beside it: bidi and zero-width characters,
 * tags, variation selectors, fillers, and line separators. Joined emoji fall apart into their parts: nothing may come
 * between the characters of a secret. Half characters go too, since two of them would make a new one. Not the escape,
 * which always begins one of the sequences.
 */
const unseen = '[[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]--[\\t\\n\\u001b]]';
/** The colours in cleaned text. */
export const colours: RegExp = new RegExp(colour, 'g');
/** A fast look, wrong on the safe side: true of everything but colours and characters that are certainly seen. */
const suspect = new RegExp(
  `[^\\t\\n${esc} -~\\u00a0-\\u00ac\\u00ae-\\u034e\\u0350-\\u05ff\\u0900-\\u109f\\u1e00-\\u1fff\\u2010-\\u2027\\u2030-\\u205e\\u2070-\\u2fff\\u3000-\\u3163\\u3165-\\ud7ff]|(?!${colour})${esc}`,
);
const unsafeAll = new RegExp(`(${colour})|${sequence}|${unseen}+`, 'gv');
/** What folds a GitLab job log, wherever it is in a line; a colour within would not be seen where there are none. */
const sectionMark = new RegExp(
  `${coloured('section_')}(?:${colour})*(?:${coloured('start:')}|${coloured('end:')})`,
  'g',
);

function coloured(word: string): string {
  return [...word].join(`(?:${colour})*`);
}

/** One line of text: keeps tabs, characters that are seen, and SGR sequences (`ESC [ … m`). Pure and idempotent. */
export const printable = (line: string): string => inert(withoutTricks(line.replaceAll('\n', '')));

/** Removes the colours too, for files and places that show none. */
export const withoutColour = (line: string): string => printable(line).replaceAll(colours, '');

/** As `printable`, for many lines, and with GitLab's section marks: for what is looked at before it is `inert`. */
export const withoutTricks = (lines: string): string =>
  suspect.test(lines) ? lines.split('\n').map(withoutTricksInLine).join('\n') : lines;

const withoutTricksInLine = (line: string): string => (suspect.test(line) ? line.replaceAll(unsafeAll, '$1') : line);

/** Nothing in it begins or ends a section of a GitLab job log. */
export const inert = (text: string): string =>
  text.includes('section') || text.includes(esc) ? text.replaceAll(sectionMark, mark => mark.replace('_', '-')) : text;

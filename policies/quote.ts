/** Shows foreign text in a message: short, on one line, in plain ASCII, between backticks. */

const longest = 80;

/** Everything but printable ASCII is escaped, the backtick too, so that the end of the text cannot be faked. */
export function quote(text: string): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return `\`${cut.replaceAll(/[^ -_a-~]/g, escaped)}\``;
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

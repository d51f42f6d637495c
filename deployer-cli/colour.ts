/** The few colours of the CLI's own lines, as SGR sequences; a screen without colours takes them out again. */

const paint =
  (code: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001b[${code}m${text}\u001b[0m`;

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);
export const cyan = paint(36);

/** https://no-color.org; a GitLab job has no terminal, but its log shows colours. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (env.NO_COLOR || env.TERM === 'dumb') return false;
  return isTerminal || env.GITLAB_CI === 'true';
}

/** How secrets come out of tools, written down a second time and not as the masker does it. */

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
const perUnit = (text: string, spelled: (unit: string, code: number) => string): string =>
  text
    .split('')
    .map(unit => spelled(unit, unit.charCodeAt(0)))
    .join('');
const go: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const html: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
const percent = (text: string, kept: RegExp, space: string): string =>
  utf8(text)
    .map(byte => {
      const char = String.fromCharCode(byte);
      return char === ' ' ? space : kept.test(char) ? char : `%${hex(byte).toUpperCase()}`;
    })
    .join('');

/** Those that say all of a value and nothing else: of them nothing but a mask may be left. */
export const exact: Readonly<Record<string, (secret: string) => string>> = {
  plain: secret => secret,
  base64: secret => Buffer.from(secret).toString('base64'),
  'base64 without padding': secret => Buffer.from(secret).toString('base64').replaceAll('=', ''),
  base64url: secret => Buffer.from(secret).toString('base64url'),
  hex: secret => utf8(secret).map(hex).join(''),
  HEX: secret => utf8(secret).map(hex).join('').toUpperCase(),
  '\\x': secret =>
    utf8(secret)
      .map(byte => `\\x${hex(byte)}`)
      .join(''),
  '\\X': secret =>
    utf8(secret)
      .map(byte => `\\x${hex(byte).toUpperCase()}`)
      .join(''),
  'JSON of JavaScript': secret => JSON.stringify(secret).slice(1, -1),
  'JSON twice': secret => JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1),
  'JSON with escaped slashes': secret => JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
  'JSON of Go': secret =>
    perUnit(secret, (unit, code) =>
      '<>&'.includes(unit) || code < 0x20 ? (go[unit] ?? `\\u00${hex(code)}`) : (go[unit] ?? unit),
    ),
  'JSON in ASCII': secret =>
    perUnit(JSON.stringify(secret).slice(1, -1), (unit, code) =>
      code > 0x7e ? `\\u${code.toString(16).padStart(4, '0')}` : unit,
    ),
  'JSON, all escaped': secret => perUnit(secret, (_unit, code) => `\\u${code.toString(16).padStart(4, '0')}`),
  'URL of JavaScript': secret => encodeURIComponent(secret),
  'URL in lower case': secret =>
    encodeURIComponent(secret).replaceAll(/%[0-9A-F]{2}/g, escaped => escaped.toLowerCase()),
  'URL of Terraform': secret => percent(secret, /[\w.~-]/, '+'),
  'URL of RFC 3986': secret => percent(secret, /[\w.~-]/, '%20'),
  'URL, all escaped': secret =>
    utf8(secret)
      .map(byte => `%${hex(byte)}`)
      .join(''),
  HTML: secret => perUnit(secret, unit => html[unit] ?? unit),
  HCL: secret => perUnit(secret, unit => go[unit] ?? unit).replaceAll(/[$%]\{/g, mark => `${mark[0]}${mark}`),
};

/** Those in which the value is a part of what is encoded: what its neighbours decide may be left. */
export const within: Readonly<Record<string, (secret: string, before: string, after: string) => string>> = {
  base64: (secret, before, after) => Buffer.from(before + secret + after).toString('base64'),
  base64url: (secret, before, after) => Buffer.from(before + secret + after).toString('base64url'),
  hex: (secret, before, after) => Buffer.from(before + secret + after).toString('hex'),
  JSON: (secret, before, after) => JSON.stringify({ [before]: [secret, after] }),
};

/** What of an encoding every reader can turn back, wherever the value stands in it. */
export function readable(secret: string): string[] {
  return [...Object.values(exact).map(encode => encode(secret)), ...insideBase64(secret)];
}

function insideBase64(secret: string): string[] {
  return ['', 'x', 'xx'].map(before => {
    // Whatever stands around it, these characters stay.
    const [one, other] = ['\u0000', '\u007f'].map(char =>
      Buffer.from(before.replaceAll('x', char) + secret + char.repeat(3)).toString('base64'),
    ) as [string, string];
    const same = [...one].map((char, index) => (char === other[index] ? char : ' ')).join('');
    return same.trim().split(' ')[0] ?? '';
  });
}

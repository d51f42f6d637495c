/** In which forms a secret may come out of a tool: what is hidden of a value, and how each of it may be written. Pure. */

/** Shorter ones are in every text: hiding them would destroy the log, and where it is destroyed would tell them. */
const shortest = 6;
const shortestLine = 8;
/** All forms of a longer one would take the worker's time and memory. */
const longestInAllForms = 32 * 1024;
/** Where `base64` and PEM wrap. */
const base64Columns = [76, 64];

/** Every form of everything in the value that is worth hiding; of a long one, the forms that Terraform itself writes. */
export function secretForms(value: string): ReadonlySet<string> {
  const forms = value.length > longestInAllForms ? ownFormsOf : formsOf;
  const found = new Set<string>();
  for (const part of partsOf(value)) for (const form of forms(part)) if (form.length >= shortest) found.add(form);
  return found;
}

/** The value, its lines, and what it holds where it is JSON. Terraform brings every string into NFC. */
function partsOf(value: string): Set<string> {
  const lines = value.split(/[\r\n]+/).map(line => line.trim());
  const whole = [value, value.trim(), ...leavesOf(value)].filter(part => part.length >= shortest);
  const parts = [...whole, ...lines.filter(line => line.length >= shortestLine)];
  return new Set(parts.flatMap(part => [part, part.normalize('NFC')]));
}

function leavesOf(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return [];
  const leaves: string[] = [];
  try {
    JSON.parse(value, (_key, leaf) => void (typeof leaf === 'string' && leaves.push(leaf)));
  } catch {
    // No JSON.
  }
  return leaves;
}

function ownFormsOf(part: string): string[] {
  const inJson = JSON.stringify(part).slice(1, -1);
  return [part, inJson, inJson.replaceAll(/[<>&\u2028\u2029]/g, unicode), ...inBase64(Buffer.from(part, 'utf8'))];
}

function formsOf(part: string): string[] {
  const bytes = Buffer.from(part, 'utf8');
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, '0'));
  const escaped = [part, ...inJson(part), ...inHcl(part), ...inHtml(part), ...inUrl(bytes)];
  const spelled = [hex.join(''), hex.map(digits => `\\x${digits}`).join('')];
  return [...escaped, ...spelled, ...spelled.map(upperHex), ...inBase64(bytes)];
}

/** At each of the three places where the value may begin in what is encoded, without what its neighbours decide. */
function inBase64(bytes: Buffer): string[] {
  const alone = bytes.toString('base64');
  const within = [0, 1, 2].map(before => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return encoded.slice(Math.ceil((before * 4) / 3), Math.floor(((before + bytes.length) * 4) / 3));
  });
  const standard = [alone, alone.replaceAll('=', ''), ...within];
  const lines = [alone, within[0] ?? ''].flatMap(text => base64Columns.flatMap(columns => inLines(text, columns)));
  return [...standard, ...standard.map(text => text.replaceAll('+', '-').replaceAll('/', '_')), ...lines];
}

const inLines = (text: string, columns: number): string[] =>
  text.length > columns ? (text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []) : [];

/** What JavaScript, Go, Python and PHP escape, one time and two times, and every character escaped. */
function inJson(part: string): string[] {
  const dialects = [/["\\\u0000-\u001f]/g, /["\\\u0000-\u001f<>&\u2028\u2029]/g, /["\\\u0000-\u001f<>&'+`]/g].flatMap(
    ({ source }) => [source, `${source}|/`, `${source}|[^ -~]`, `${source}|[^ -~]|/`],
  );
  const once = dialects.flatMap(source => [escapeJson(part, source, true), escapeJson(part, source, false)]);
  const twice = once.map(text => JSON.stringify(text).slice(1, -1));
  const all = [...once, ...twice, escapeJson(part, '[^]', false)];
  return [...all, ...all.map(upperHex)];
}

const named = new Map(Object.entries({ '"': '\\"', '\\': '\\\\', '/': '\\/', '\n': '\\n', '\r': '\\r', '\t': '\\t' }));
const seldomNamed = new Map(Object.entries({ '\b': '\\b', '\f': '\\f' }));

function escapeJson(part: string, pattern: string, namesAll: boolean): string {
  const isEverything = pattern === '[^]';
  return part.replaceAll(new RegExp(pattern, 'g'), char => {
    const name = isEverything ? undefined : (named.get(char) ?? (namesAll ? seldomNamed.get(char) : undefined));
    return name ?? unicode(char);
  });
}

const unicode = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A quoted string of HCL and of Go (`%q`), and the templates of a heredoc. */
function inHcl(part: string): string[] {
  const quoted = part.replaceAll(/["\\\n\r\t]/g, char => named.get(char) ?? char);
  const unseen = /[\u0000-\u001f\u007f]/g;
  const go = new Map(Object.entries({ '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\v': '\\v' }));
  const forms = [
    part,
    quoted,
    quoted.replaceAll(unseen, unicode),
    quoted.replaceAll(unseen, char => go.get(char) ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`),
  ];
  return [...forms, ...forms.map(text => text.replaceAll(/([$%])\{/g, '$1$1{'))];
}

function inHtml(part: string): string[] {
  const quotes = [
    ['"', "'"],
    ['&quot;', "'"],
    ['&#34;', '&#39;'],
    ['&quot;', '&#39;'],
    ['&quot;', '&#x27;'],
    ['&quot;', '&apos;'],
  ] as const;
  const text = part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return quotes.map(([double, single]) => text.replaceAll('"', double).replaceAll("'", single));
}

/** Unescaped: nothing, RFC 3986's unreserved, and what JavaScript, Python, Go and forms leave besides. */
function inUrl(bytes: Buffer): string[] {
  const kept = ['', '-._~', "-._~!*'()", '-._~/', '-._~$&+=:@', '-._*', "-._~!*'();,/?:@&=+$#"];
  const forms = kept.flatMap(others =>
    ['%20', '+'].map(space =>
      [...bytes]
        .map(byte => {
          const char = String.fromCharCode(byte);
          const isKept = others === '' ? false : /[A-Za-z0-9]/.test(char) || others.includes(char);
          return isKept ? char : char === ' ' ? space : `%${byte.toString(16).padStart(2, '0')}`;
        })
        .join(''),
    ),
  );
  return [...forms, ...forms.map(upperHex)];
}

/** The digits of escapes, or of a text that is nothing else, in upper case. */
function upperHex(text: string): string {
  if (/^[0-9a-f]+$/.test(text)) return text.toUpperCase();
  return text.replaceAll(/(\\u|\\x|%)([0-9a-f]{2,4})/g, (_all, mark: string, digits: string) => {
    const length = mark === '\\u' ? 4 : 2;
    return mark + digits.slice(0, length).toUpperCase() + digits.slice(length);
  });
}

/** Requests as somebody sends them who tries everything: most nearly right, each wrong in some way, for property tests. */
import fc from 'fast-check';

const commit = '3745f598f396af5dc5438ef562740c0b11ebbabb';

/** Where a text may be, anything may be: what other readers take for something, and what terminals and shells obey. */
const oddities = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '.',
    '..',
    '/',
    '-x',
    '*',
    '@',
    'HEAD',
    '\u0000',
    'a\nb',
    '\u001b[2J',
    '\u202egnp',
    'm\u0430in',
  ),
  fc.constantFrom(
    'prod\u2215vpc',
    '%2e%2e',
    '${x}',
    '`id`',
    '$(id)',
    'a\\b',
    '__proto__',
    'constructor',
    '\ufeff',
    '😀',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('x'.repeat(256), 'a/'.repeat(40), `${'x'.repeat(255)}😀`, 'x'.repeat(1025)),
);
const mostly = (usual: fc.Arbitrary<string>) => fc.oneof({ arbitrary: usual, weight: 40 }, oddities);

const segments = fc.constantFrom('prod', 'prod', 'prod', 'staging', 'vpc', 'secrets', 'a.b', 'main', 'v1', 'release');
const namePaths = fc.array(segments, { minLength: 1, maxLength: 3 }).map(parts => parts.join('/'));
const prefixes = fc.constantFrom('', 'refs/heads/', 'refs/heads/', 'refs/tags/', 'refs/tags/', 'heads/');
const refs = fc.oneof(
  { arbitrary: fc.tuple(prefixes, namePaths).map(([prefix, name]) => prefix + name), weight: 6 },
  fc.constantFrom('main', 'main', 'release/1.0', 'refs/heads/main', commit, commit.toUpperCase(), 'refs/notes/x'),
  fc
    .tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom('head', 'merge', 'x'))
    .map(([n, end]) => `refs/merge-requests/${n}/${end}`),
);
export const repositoryNames = ['infra-live', 'network', 'apps'] as const;
export const urlOf = (name: string): string => `/srv/${name}.git`;
const repositories = fc.constantFrom(
  'infra-live',
  'infra-live',
  'infra-live',
  ...repositoryNames,
  ...repositoryNames.map(urlOf),
  'none',
);

const asked = fc.record(
  {
    command: mostly(fc.constantFrom('plan', 'apply')),
    path: mostly(fc.oneof(fc.constantFrom('prod', 'prod/vpc', 'staging/vpc'), namePaths)),
    ref: mostly(refs),
    repo: mostly(repositories),
  },
  { requiredKeys: ['command', 'path', 'ref'] },
);

/** What nobody asks for every day, with values of every type now and then. */
const rarely = fc.oneof(
  { arbitrary: fc.constant({}), weight: 8 },
  fc.record(
    {
      sha: mostly(fc.constantFrom(commit, 'a'.repeat(40))),
      planId: mostly(fc.constant(`r_${'a'.repeat(26)}`)),
      mode: mostly(fc.constantFrom('normal', 'destroy', 'refresh-only')),
      replace: fc.oneof(fc.constant([]), fc.array(oddities, { maxLength: 3 })),
      reason: oddities,
      receipt: fc.boolean(),
      requestId: mostly(fc.stringMatching(/^[a-z0-9]{24}$/)),
    },
    { requiredKeys: [] },
  ),
  fc.dictionary(
    fc.oneof(fc.constantFrom('command', 'path', 'ref', 'repo', 'target', 'httpMethod'), oddities),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 2, noNullPrototype: true },
  ),
);

/** A body before anything is done to its letters. */
export const requests: fc.Arbitrary<object> = fc.tuple(asked, rarely).map(([usual, rare]) => ({ ...usual, ...rare }));

type Spoil = (text: string) => string;
const inserted =
  (at: number, what: string): Spoil =>
  text =>
    text.slice(0, at % (text.length + 1)) + what + text.slice(at % (text.length + 1));
const anywhere = (what: fc.Arbitrary<string>): fc.Arbitrary<Spoil> =>
  fc.tuple(fc.nat(400), what).map(([at, some]) => inserted(at, some));
const asFirstKey = (written: string): Spoil => inserted(1, `${written},`);

const spoils: fc.Arbitrary<Spoil> = fc.oneof(
  fc
    .constantFrom('"ref":"main"', '"\\u0072ef":"main"', '"__proto__":{"command":"apply"}', '"constructor":{}')
    .map(asFirstKey),
  fc.constantFrom('"reason":"\\ud800"', '"\\udc00":1', '"reason":"\\u202e"', '"receipt":1e999').map(asFirstKey),
  fc.integer({ min: 1, max: 3000 }).map(depth => asFirstKey(`"replace":${'['.repeat(depth)}${']'.repeat(depth)}`)),
  fc.constant((text: string) => `\ufeff${text}`),
  fc.constantFrom(16_000, 16_384, 17_000, 40_000).map(length => (text: string) => text.padEnd(length)),
  fc.nat(400).map(length => (text: string) => text.slice(0, length)),
  fc.constant((text: string) => text + text),
  anywhere(
    fc.constantFrom('"', '\\', '{', '}', ',', ':', '\ud800', '\udfff', '\u0000', ' ', '\u00a0', '\ufeff', '/**/'),
  ),
  anywhere(fc.string({ unit: 'binary', maxLength: 3 })),
);

/** A body as text; half of a character pair may be in it, which a string can hold and UTF-8 cannot. */
export const hostileTexts: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: requests.map(request => JSON.stringify(request)), weight: 5 },
  { arbitrary: fc.tuple(requests, spoils).map(([request, spoil]) => spoil(JSON.stringify(request))), weight: 3 },
  fc.json(),
);

/** The same as bytes: half of a pair is written as if UTF-8 had a way to. */
export const bytesOf = (text: string): Buffer =>
  text.isWellFormed()
    ? Buffer.from(text)
    : Buffer.concat(
        [...text].map(letter => (letter.isWellFormed() ? Buffer.from(letter) : half(letter.charCodeAt(0)))),
      );

const half = (unit: number): Buffer =>
  Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 63), 0x80 | (unit & 63)]);

/** Some of them are no text at all. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { arbitrary: hostileTexts.map(bytesOf), weight: 19 },
  fc
    .tuple(hostileTexts, fc.nat(400), fc.uint8Array({ minLength: 1, maxLength: 3 }))
    .map(([text, at, some]) => Buffer.concat([bytesOf(text.slice(0, at)), some, bytesOf(text.slice(at))])),
);

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blockHeaders } from '../../../task-image/hcl/headers.ts';
import { Unreadable } from '../../../task-image/hcl/lexer.ts';

interface Node {
  readonly type: string;
  readonly labels: readonly string[];
  readonly inner: readonly Node[];
}

const name = fc.constantFrom('data', 'resource', 'a-b', 'ü', '_x');
const { node } = fc.letrec<{ node: Node }>(tie => ({
  node: fc.record({
    type: name,
    labels: fc.array(fc.constantFrom('x', 'y z', '}', '"', '\\', '{'), { maxLength: 2 }),
    inner: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.array(tie('node'), { maxLength: 3 })),
  }),
}));

/** What may stand between blocks and looks like more of them. */
const noise = fc.constantFrom(
  '',
  '# data "x" {\n',
  '// }\n',
  '/* {\n"\n*/\n',
  'k = "}"\n',
  'k = "${f("}", { a = "{" })}"\n',
  'k = "\\"}"\n',
  'k = "$${"\n',
  'k = "%{ if true }{%{ endif }"\n',
  'k = <<EOT\n}\n  EOT x\n"{\n${f(<<IN\n}\nIN\n)}\n$${\nEOT\n',
  'k = <<-EOT\n  resource "x" {\n  EOT\n',
  'k = [\n  1, # ]\n  { a = 1 }\n]\n',
  'k = a ? b : (\n  c\n)\n',
  'k = { for a, b in c : a => b... }\n',
);

const written = (nodes: readonly Node[], between: () => string): string =>
  nodes
    .map(({ type, labels, inner }) => {
      const texts = labels.map(label => `"${label.replaceAll(/["\\]/g, '\\$&')}"`);
      return `${between()}${[type, ...texts].join(' ')} {\n${written(inner, between)}${between()}}\n`;
    })
    .join('');

const listed = (nodes: readonly Node[], above: readonly string[]): string[][] =>
  nodes.flatMap(({ type, labels, inner }) => {
    const path = [...above, type, ...labels];
    return [path, ...listed(inner, path)];
  });

test('finds every header at every depth, whatever comments, texts and heredocs look like', () => {
  fc.assert(
    fc.property(fc.array(node, { maxLength: 4 }), fc.array(noise, { minLength: 1, maxLength: 9 }), (nodes, noises) => {
      let next = 0;
      const text = written(nodes, () => noises[next++ % noises.length] ?? '');
      const found = blockHeaders(text);
      expect(found.map(({ path }) => path)).toEqual(listed(nodes, []));
      const lines = text.split('\n');
      for (const { path, line } of found) expect(path).toContain(/^[\p{L}_-]+/u.exec(lines[line - 1] ?? '')?.[0]);
    }),
  );
});

test('ends on any text, with headers or with what is wrong', () => {
  const piece = fc.constantFrom(
    '"',
    '{',
    '}',
    '${',
    '<<E\n',
    'E\n',
    '/*',
    '*/',
    '#',
    '\n',
    '=',
    'a',
    ' ',
    '\\',
    '(',
    ']',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), pieces => {
      try {
        blockHeaders(pieces.join(''));
      } catch (error) {
        expect(error).toBeInstanceOf(Unreadable);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['a bracket that is not closed', 'a = ['],
  ['a text that is not closed', 'a = "x\n"'],
  ['an interpolation that is not closed', 'a = "${x'],
  ['a heredoc that is not closed', 'a = <<E\nx'],
  ['a comment that is not closed', '/* x'],
  ['a block and an argument of one name', 'a "b" {}\na = {}\n'],
  ['an argument and a block of one name', 'x {\n  a = {}\n  a "b" {}\n}\n'],
  ['a block without a body', 'a "b"\n'],
  ['what is neither argument nor block', '1'],
  ['brackets that are nested without end', `a = ${'['.repeat(5000)}`],
  ['texts that are nested without end', `a = ${'"${'.repeat(5000)}`],
])('refuses %s', (_what, text) => {
  expect(() => blockHeaders(text)).toThrow(Unreadable);
});

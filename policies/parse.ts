/** Reads the policy file: strict YAML, and every problem with the line it is on. */
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Policy } from './allowlist.ts';
import { checkPolicy } from './check-policy.ts';

export type ParsedAllowlist =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Problems read `file:line: message; fix: what to do`. */
export function parseAllowlist(text: string, file: string): ParsedAllowlist {
  const lines = new LineCounter();
  const at = (offset: number, message: string, fix: string) =>
    `${file}:${lines.linePos(offset).line}: ${message}; fix: ${fix}`;
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    resolveKnownTags: false,
    stringKeys: true,
    // Not `silent`: that would hide a second document in the file.
    logLevel: 'error',
  });
  const problems = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    at(pos[0], `this is not plain YAML: ${firstLine(message)}`, 'correct the YAML here'),
  );
  visit(document, {
    Alias: (_, alias) => {
      problems.push(at(startOf(alias), 'an alias (`*name`) is not read here', 'write the value out'));
    },
  });
  if (document.directives.yaml.explicit) {
    problems.push(at(0, 'a %YAML directive is not read here', 'remove it: the file is YAML 1.2'));
  }
  if (problems.length > 0) return { ok: false, problems: [...new Set(problems)] };
  const checked = checkPolicy(document.toJS({ maxAliasCount: 0 }));
  if (checked.ok) return checked;
  const found = checked.problems.map(problem => ({ ...problem, offset: offsetOf(document.contents, problem.path) }));
  found.sort((a, b) => a.offset - b.offset);
  return { ok: false, problems: found.map(({ offset, message, fix }) => at(offset, message, fix)) };
}

/** Where the key or item at `path` starts; where it is missing, the one that lacks it. */
function offsetOf(top: unknown, path: readonly string[]): number {
  let node = top;
  let offset = startOf(top);
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === key);
      if (pair === undefined) return offset;
      offset = startOf(pair.key);
      node = pair.value;
    } else {
      node = isSeq(node) && node.items[Number(key)];
      offset = startOf(node);
    }
  }
  return offset;
}

const startOf = (node: unknown): number => (isNode(node) && node.range ? node.range[0] : 0);

/** The library's message without the piece of the file that may follow it. */
const firstLine = (message: string): string => message.replace(/\n.*$/s, '');

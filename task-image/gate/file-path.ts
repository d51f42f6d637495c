/** Which files expressions name: those of the repository, not those of the machine that plans. A net: what runs is confined. */
import { type Block, blocks, texts } from '../hcl/document.ts';
import { type Call, calls, isText, split, templates } from '../hcl/expressions.ts';
import { type Finding, tunable } from './finding.ts';
import { joinPath, type Module, type Rule, typedBlocks, type Wanted } from './module.ts';

/** What is looked at, and what was looked at already: each template and each value once, for the first that names it. */
interface Scope {
  readonly module: Module;
  readonly wanted: Wanted;
  readonly seen: Set<string>;
}

export const filePaths: Rule = (module, wanted) => {
  const scope: Scope = { module, wanted, seen: new Set() };
  return module.files.flatMap(({ file, root }) => [
    ...[...texts(root)].flatMap(({ text, line }) => callFindings(file, { ...root, line }, text, scope)),
    ...typedBlocks(root)
      .filter(({ labels: [type = ''] }) => /^(?:local|archive)_/.test(type))
      .flatMap(block => argumentFindings(file, block, scope)),
  ]);
};

/** Functions that read files, and those that make the paths for them. */
const reading = /^(?:file\w*|templatefile|abspath|pathexpand|read_tfvars_file)$/;

function callFindings(file: string, block: Block, text: string, scope: Scope): Finding[] {
  const found = calls(text, reading);
  if (found === undefined) return [tunable(file, block, 'file-path', 'names too many files to tell which', 'a text')];
  return found.flatMap(call => {
    const paths = pathArguments(call);
    const why = paths.map(argument => whyOutside(argument, scope)).find(one => one !== undefined);
    if (why !== undefined) return [tunable(file, block, 'file-path', why, `${call.name}(…)`)];
    return call.name === 'templatefile' ? templateFindings(file, block, paths[0] ?? '', scope) : [];
  });
}

/** The second argument of `templatefile` is what the template is given; that of `fileset` is a path too. */
const pathArguments = ({ name, args }: Call): readonly string[] => (name === 'templatefile' ? args.slice(0, 1) : args);

/** A template calls functions too. One whose name is put together is not looked for. */
function templateFindings(file: string, block: Block, argument: string, scope: Scope): Finding[] {
  const [template] = templates(argument);
  const said = template && placed(template.parts, scope);
  const path = said === undefined || said.text.includes(unknown) ? undefined : joinPath(said.from, said.text);
  if (path === undefined || isSeen(scope, `file ${path}`)) return [];
  const text = scope.module.text(path);
  return text === undefined ? [] : callFindings(file, block, text, scope);
}

/** What a data source or resource reads and writes that is there for nothing else. */
function argumentFindings(file: string, block: Block, scope: Scope): Finding[] {
  const given = Object.entries(block.body).filter(([name]) => pathNames.test(name));
  // Blocks are looked at whole: in these types a text with a slash at its start is a path.
  const below = Object.entries(block.body).filter(([, value]) => typeof value === 'object');
  return [...texts({ ...block, body: Object.fromEntries([...given, ...below]) })].flatMap(({ text }) => {
    const why = whyTemplateOutside(partsOf(text), true, scope) ?? whyNamedOutside(text, scope);
    return why === undefined ? [] : [tunable(file, block, 'file-path', why)];
  });
}

const pathNames = /^(?:filename|source|source_file|source_dir|output_path|excludes)$/;

function partsOf(text: string): readonly string[] {
  try {
    return split(text);
  } catch {
    return [text];
  }
}

function whyOutside(argument: string, scope: Scope): string | undefined {
  const why = templates(argument)
    .map(({ parts }) => whyTemplateOutside(parts, isText(argument), scope))
    .find(one => one !== undefined);
  return why ?? whyNamedOutside(argument, scope);
}

/** The same of what the locals and the defaults of variables say that an expression names, and those that they name. */
function whyNamedOutside(expression: string, scope: Scope): string | undefined {
  for (const [, kind = '', name = ''] of expression.matchAll(
    /\b(local|var)\s*\.\s*([\p{ID_Start}_][\p{ID_Continue}-]*)/gu,
  )) {
    if (isSeen(scope, `${kind}.${name}`)) continue;
    for (const text of valuesOf(kind, name, scope.module)) {
      const why = whyTemplateOutside(partsOf(text), false, scope) ?? whyNamedOutside(text, scope);
      if (why !== undefined) return why;
    }
  }
  return undefined;
}

const valuesOf = (kind: string, name: string, { files }: Module): string[] =>
  files
    .flatMap(({ root }) =>
      kind === 'local'
        ? blocks(root, 'locals', 0).map(block => ({ ...block, body: { '': block.body[name] } }))
        : blocks(root, 'variable', 1)
            .filter(({ labels }) => labels[0] === name)
            .map(block => ({ ...block, body: { '': block.body.default } })),
    )
    .flatMap(block => [...texts(block)].map(({ text }) => text));

/** INVARIANT: what would be looked at again has been judged, and told where it was named first. */
function isSeen({ seen }: Scope, what: string): boolean {
  const known = seen.has(what);
  seen.add(what);
  return known;
}

/** Stands for what an expression will say. */
const unknown = '\0';

/** A path with its expressions taken out, and the directory it is counted from. */
function placed(parts: readonly string[], { module: { directory }, wanted: { stack } }: Scope) {
  const [first = '', second = ''] = parts;
  const isAnchored = first === '' && /^path\s*\.\s*(?:module|root|cwd)$/.test(second);
  const rest = isAnchored ? parts.slice(2) : parts;
  // What is anchored is text from here on; otherwise texts and expressions go on in turn.
  const text = rest.map((part, index) => (index % 2 === 0 ? part : unknown)).join('');
  const from = isAnchored && second.endsWith('module') ? directory : isAnchored || first !== '' ? stack : directory;
  return { from, text: isAnchored ? text.replace(/^\/+/, '') : text };
}

function whyTemplateOutside(parts: readonly string[], isWhole: boolean, scope: Scope): string | undefined {
  const { from, text } = placed(parts, scope);
  if ((isWhole ? absolute : ofTheMachine).test(text)) return 'names a file by an absolute path';
  if (/(?:^|[/\0])proc\/(?:self|thread-self|\d+|[*?\0])/.test(text)) return 'names what the system knows of a process';
  return joinPath(from, text) === undefined ? 'names a file outside the repository' : undefined;
}

const absolute = /^(?:\/|~|[A-Za-z]:[\\/])/;

/** In the middle of an expression `/aws` may be what is cut off; these are not. */
const ofTheMachine =
  /^(?:~|\/+(?:bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|Users|private)(?:\/|$))/;

/** Which files expressions name: those of the repository, not those of the machine that plans. A net: what runs is confined. */
import { type Block, texts } from '../hcl/document.ts';
import { type Call, calls, isText, split, templates } from '../hcl/expressions.ts';
import { type Finding, tunable } from './finding.ts';
import { joinPath, type Module, type Rule, typedBlocks, type Wanted } from './module.ts';

export const filePaths: Rule = (module, wanted) => {
  // Templates that were read: each is read once, for the first that names it.
  const seen = new Set<string>();
  return module.files.flatMap(({ file, root }) => [
    ...[...texts(root)].flatMap(({ text, line }) => callFindings(file, { ...root, line }, text, module, wanted, seen)),
    ...typedBlocks(root)
      .filter(({ labels: [type = ''] }) => /^(?:local|archive)_/.test(type))
      .flatMap(block => argumentFindings(file, block, module, wanted)),
  ]);
};

/** Functions that read files, and those that make the paths for them. */
const reading = /^(?:file\w*|templatefile|abspath|pathexpand|read_tfvars_file)$/;

function callFindings(
  file: string,
  block: Block,
  text: string,
  module: Module,
  wanted: Wanted,
  seen: Set<string>,
): Finding[] {
  const found = calls(text, reading);
  if (found === undefined) return [tunable(file, block, 'file-path', 'names too many files to tell which', 'a text')];
  return found.flatMap(call => {
    const paths = pathArguments(call);
    const why = paths.map(argument => whyOutside(argument, module, wanted)).find(one => one !== undefined);
    if (why !== undefined) return [tunable(file, block, 'file-path', why, `${call.name}(…)`)];
    return call.name === 'templatefile' ? templateFindings(file, block, paths[0] ?? '', module, wanted, seen) : [];
  });
}

/** The second argument of `templatefile` is what the template is given; that of `fileset` is a path too. */
const pathArguments = ({ name, args }: Call): readonly string[] => (name === 'templatefile' ? args.slice(0, 1) : args);

/** A template calls functions too. One whose name is put together is not looked for. */
function templateFindings(
  file: string,
  block: Block,
  argument: string,
  module: Module,
  wanted: Wanted,
  seen: Set<string>,
): Finding[] {
  const [template] = templates(argument);
  const said = template && placed(template.parts, module, wanted);
  const path = said === undefined || said.text.includes(unknown) ? undefined : joinPath(said.from, said.text);
  if (path === undefined || seen.has(path)) return [];
  seen.add(path);
  const text = module.text(path);
  return text === undefined ? [] : callFindings(file, block, text, module, wanted, seen);
}

/** What a data source or resource reads and writes that is there for nothing else. */
function argumentFindings(file: string, block: Block, module: Module, wanted: Wanted): Finding[] {
  const given = Object.entries(block.body).filter(([name]) => pathNames.test(name));
  // Blocks are looked at whole: in these types a text with a slash at its start is a path.
  const below = Object.entries(block.body).filter(([, value]) => typeof value === 'object');
  return [...texts({ ...block, body: Object.fromEntries([...given, ...below]) })].flatMap(({ text }) => {
    const why = whyTemplateOutside(partsOf(text), true, module, wanted);
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

function whyOutside(argument: string, module: Module, wanted: Wanted): string | undefined {
  return templates(argument)
    .map(({ parts }) => whyTemplateOutside(parts, isText(argument), module, wanted))
    .find(why => why !== undefined);
}

/** Stands for what an expression will say. */
const unknown = '\0';

/** A path with its expressions taken out, and the directory it is counted from. */
function placed(parts: readonly string[], { directory }: Module, { stack }: Wanted) {
  const [first = '', second = ''] = parts;
  const isAnchored = first === '' && /^path\s*\.\s*(?:module|root|cwd)$/.test(second);
  const rest = isAnchored ? parts.slice(2) : parts;
  // What is anchored is text from here on; otherwise texts and expressions go on in turn.
  const text = rest.map((part, index) => (index % 2 === 0 ? part : unknown)).join('');
  const from = isAnchored && second.endsWith('module') ? directory : isAnchored || first !== '' ? stack : directory;
  return { from, text: isAnchored ? text.replace(/^\/+/, '') : text };
}

function whyTemplateOutside(
  parts: readonly string[],
  isWhole: boolean,
  module: Module,
  wanted: Wanted,
): string | undefined {
  const { from, text } = placed(parts, module, wanted);
  if ((isWhole ? absolute : ofTheMachine).test(text)) return 'names a file by an absolute path';
  if (/(?:^|[/\0])proc\/(?:self|thread-self|\d+|[*?\0])/.test(text)) return 'names what the system knows of a process';
  return joinPath(from, text) === undefined ? 'names a file outside the repository' : undefined;
}

const absolute = /^(?:\/|~|[A-Za-z]:[\\/])/;

/** In the middle of an expression `/aws` may be what is cut off; these are not. */
const ofTheMachine =
  /^(?:~|\/+(?:bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|Users|private)(?:\/|$))/;

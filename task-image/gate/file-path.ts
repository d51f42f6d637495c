/** Which files expressions name: those of the repository, not those of the machine that plans. A net: what runs is confined. */
import { type Block, isBody, listed, texts } from '../hcl/document.ts';
import { type Call, calls, mostCharacters, type Template } from '../hcl/expressions.ts';
import { unescaped } from '../hcl/headers.ts';
import { mostBytes } from './disk.ts';
import { type Finding, tunable } from './finding.ts';
import { joinPath, type Module, typedBlocks, type Wanted } from './module.ts';
import { type Effort, type Names, namedTexts, namesOf, partsOf } from './named-texts.ts';

interface Scope {
  readonly module: Module;
  readonly wanted: Wanted;
  readonly names: Names;
  readonly effort: Effort;
  /** Templates that were read: each is told of once, where it was named first. */
  readonly read: Set<string>;
}

/** For all modules together: what is written to take longer is refused. */
const mostEffort = 8_000_000;

export function filePaths(modules: readonly Module[], wanted: Wanted): Finding[] {
  const effort = { left: mostEffort };
  return modules.flatMap(module => {
    const scope: Scope = { module, wanted, names: namesOf(module), effort, read: new Set() };
    return [
      ...[...module.files, ...module.values].flatMap(({ file, root }) =>
        [...texts(root)].flatMap(({ text, line }) => textFindings(file, { ...root, line }, text, scope)),
      ),
      ...module.files.flatMap(({ file, root }) =>
        typedBlocks(root)
          .filter(({ labels: [type = ''] }) => /^(?:local|archive)_/.test(type))
          .flatMap(block => argumentFindings(file, block, scope)),
      ),
    ];
  });
}

/** Functions that read files, and those that make the paths for them. */
const reading = /^(?:file\w*|templatefile|abspath|pathexpand|read_tfvars_file)$/;

function textFindings(file: string, block: Block, text: string, scope: Scope): Finding[] {
  // Wherever it stands: it may reach a function by ways that are not followed.
  const isProcess = text.includes('proc') && ofProcess.test(unescaped(text));
  return [
    ...(isProcess ? [tunable(file, block, 'file-path', ofProcesses, 'a text')] : []),
    ...callFindings(file, block, text, scope),
  ];
}

const ofProcess = /(?:^|")\/+proc\/(?:self|thread-self|\d+)\/[^"\s]+(?:"|$)/;
const ofProcesses = 'names what the system knows of a process';

function callFindings(file: string, block: Block, text: string, scope: Scope): Finding[] {
  // It has been told of.
  if (scope.effort.left < 0) return [];
  const found = calls(text, reading);
  if (found === undefined) return [tunable(file, block, 'file-path', tooMany, 'a text')];
  return found.flatMap(call => {
    const told = (why: string): Finding[] => [tunable(file, block, 'file-path', why, `${call.name}(…)`)];
    const isTemplate = call.name === 'templatefile';
    if (call.isCut && !isTemplate) return told(tooMany);
    scope.effort.left -= call.isCut ? mostCharacters : call.args.join().length;
    // The second argument of `templatefile` is what the template is given; that of `fileset` is a path too.
    const paths = isTemplate ? call.args.slice(0, 1) : call.args;
    const named = paths.map(path => namedTexts({ parts: ['', path, ''], isWhole: true }, scope.names, scope.effort));
    if (named.includes(undefined)) return told(tooMany);
    const all = named.flatMap(one => one ?? []);
    const why = all.map(one => whyOutside(one, scope)).find(one => one !== undefined);
    if (why !== undefined) return told(why);
    return isTemplate ? templateFindings(file, block, call, all, scope) : [];
  });
}

const tooMany = 'names too many files to tell which';

/** A template calls functions too, but names no other. Whatever may be its name is read, and one of them is to be there. */
function templateFindings(file: string, block: Block, { name }: Call, named: Template[], scope: Scope): Finding[] {
  const { module, read, effort } = scope;
  const told = (why: string): Finding[] => [tunable(file, block, 'file-path', why, `${name}(…)`)];
  const paths = new Set(named.flatMap(one => templatePaths(one, scope)));
  if (paths.size === 0) return told('names a template that cannot be told from the repository');
  return [...paths].flatMap(path => {
    if (read.has(path)) return [];
    read.add(path);
    const text = module.text(path);
    if (text === undefined || Buffer.byteLength(text) > mostBytes)
      return told(`names a template that cannot be read, or is larger than ${mostBytes} bytes`);
    effort.left -= text.length;
    if (effort.left < 0) return told(tooMany);
    return callFindings(file, block, text, { ...scope, module: { ...module, names: () => [] } });
  });
}

/** The files that may be meant; all of a directory where only the name in it is put together. */
function templatePaths(template: Template, scope: Scope): string[] {
  const { from, text } = placed(template, scope);
  const at = text.lastIndexOf('/') + 1;
  const [directory, name] = [joinPath(from, text.slice(0, at)), text.slice(at)];
  if (directory === undefined || directory.includes(unknown) || name === '' || text === unknown) return [];
  const names = scope.module.names(directory);
  return names
    .filter(one => name.includes(unknown) || one === name)
    .map(one => (directory === '' ? one : `${directory}/${one}`));
}

/** What a data source or resource reads and writes that is there for nothing else. */
function argumentFindings(file: string, block: Block, scope: Scope): Finding[] {
  return pathsBelow(block.body).flatMap(text => {
    const named = namedTexts({ parts: partsOf(text), isWhole: true }, scope.names, scope.effort);
    const why = named === undefined ? tooMany : named.map(one => whyOutside(one, scope)).find(one => one !== undefined);
    return why === undefined ? [] : [tunable(file, block, 'file-path', why)];
  });
}

/** In its own arguments and in those of the blocks in it. */
const pathsBelow = (value: unknown): string[] =>
  listed(value)
    .filter(isBody)
    .flatMap(body =>
      Object.entries(body).flatMap(([name, given]) => [
        ...pathsBelow(given),
        ...(pathNames.test(name) ? listed(given).filter(one => typeof one === 'string') : []),
      ]),
    );

const pathNames = /^(?:filename|source|source_file|source_dir|output_path|excludes)$/;

/** Stands for what an expression will say. */
const unknown = '\0';

/** A path with its expressions taken out, and the directory it is counted from. */
function placed({ parts }: Template, { module: { directory }, wanted: { stack } }: Scope) {
  const [first = '', second = ''] = parts;
  const isAnchored = first === '' && /^path\s*\.\s*(?:module|root|cwd)$/.test(second);
  const rest = isAnchored ? parts.slice(2) : parts;
  // What is anchored is text from here on; otherwise texts and expressions go on in turn.
  const text = rest.map((part, index) => (index % 2 === 0 ? part : unknown)).join('');
  const from = isAnchored && second.endsWith('module') ? directory : isAnchored || first !== '' ? stack : directory;
  return { from, text: isAnchored ? text.replace(/^\/+/, '') : text };
}

function whyOutside(template: Template, scope: Scope): string | undefined {
  const { from, text } = placed(template, scope);
  if ((template.isWhole ? absolute : ofTheMachine).test(text)) return 'names a file by an absolute path';
  if (/(?:^|[/\0])proc\/(?:self|thread-self|\d+|[*?\0])/.test(text)) return ofProcesses;
  return joinPath(from, text) === undefined ? 'names a file outside the repository' : undefined;
}

const absolute = /^(?:\/|~|[A-Za-z]:[\\/])/;

/** In the middle of an expression `/aws` may be what is cut off; these are not. */
const ofTheMachine =
  /^(?:~|\/+(?:bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|Users|private)(?:\/|$))/;

/** Where a module comes from: the repository itself, or a place that the policy names, at a version that stays what it is. */
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import { joinPath } from './module.ts';

/** `problem` says why it may not be used; a local module is a directory from the repository's root. */
export type ModuleSource = { readonly directory: string } | { readonly remote: string } | { readonly problem: string };

export interface ModuleCall {
  readonly source: string;
  /** Of a registry's module. */
  readonly version?: string | undefined;
  /** The directory that calls it, from the root. */
  readonly from: string;
}

const longest = 512;

export function moduleSource(
  { source, version, from }: ModuleCall,
  repository: Pick<Repository, 'modules'>,
  settings: StackSettings,
): ModuleSource {
  if (source.length > longest) return { problem: 'its source is too long' };
  if (/^\.{1,2}(?:\/|$)/.test(source)) return localSource(source, from);
  const place = gitPlace(source) ?? registryPlace(source, version, settings.binary);
  if (place === undefined) return { problem: 'its source is of no kind that may be used' };
  const isPrivate = repository.modules.some(({ url }) => gitAddress(`git::${url}`) === place.address);
  if (!isPrivate && !settings.moduleSources.some(pattern => matches(pattern, place.address)))
    return { problem: 'its source is not allowed' };
  if (!place.isPinned)
    return {
      problem:
        place.kind === 'git'
          ? 'its `ref` is not a full commit id or a version tag'
          : 'its `version` is not one exact version',
    };
  return { remote: place.address };
}

function localSource(source: string, from: string): ModuleSource {
  if (!/^[\w.+=@/ -]+$/.test(source)) return { problem: 'its source has unusual characters' };
  const directory = joinPath(from, source);
  return directory === undefined ? { problem: 'its source leads out of the repository' } : { directory };
}

interface RemotePlace {
  readonly kind: 'git' | 'registry';
  /** As `module_sources` writes it; over ssh `ssh://user@host/path`. */
  readonly address: string;
  readonly isPinned: boolean;
}

const plainPath = String.raw`[\w~-][\w.~-]*(?:/[\w~-][\w.~-]*)*`;
/** Address, directory in it, and the only parameter there may be. */
const gitSource = new RegExp(String.raw`^(.+?)(?://(${plainPath}))?(?:\?ref=([\w./+-]+))?$`);
const commit = /^[0-9a-f]{40}$/;
/** Behind a slash only whole: `feature/1.2` is a branch. */
const versionTag = /^(?:(?:[\w.-]+-)?v?\d+\.\d+(?:\.\d+){0,2}|[\w.-]+\/v\d+\.\d+\.\d+)(?:[-+][\w.-]+)?$/;

function gitPlace(source: string): RemotePlace | undefined {
  // The two slashes of the scheme are not those before the directory.
  const [, forced = '', scheme = '', rest = ''] = /^(git::)?((?:https|ssh):\/\/)?(.*)$/s.exec(source) ?? [];
  const [, path = '', , ref] = gitSource.exec(rest) ?? [];
  const address = gitAddress(`${forced}${scheme}${path}`);
  const isPinned = ref !== undefined && (commit.test(ref) || versionTag.test(ref)) && !ref.startsWith('-');
  return address === undefined ? undefined : { kind: 'git', address, isPinned };
}

/** One form for all that mean one repository; undefined for what is fetched by anything but git over https or ssh. */
function gitAddress(text: string): string | undefined {
  // Behind two slashes is a directory in it, for whoever fetches it.
  if (/[/:]\.|[^:]\/\//.test(text)) return undefined;
  const path = String.raw`([\w~-][\w.~/-]*?)(?:\.git)?/?$`;
  const host = '([A-Za-z0-9][A-Za-z0-9.-]*)';
  const scp = new RegExp(String.raw`^(?:git::)?([\w-]+)@${host}:(?!\d+/)/?${path}`).exec(text);
  if (scp) return `ssh://${scp[1]}@${scp[2]?.toLowerCase()}/${scp[3]}`;
  const ssh = new RegExp(String.raw`^(?:git::)?ssh://([\w-]+)@${host}(:\d+)?/${path}`).exec(text);
  if (ssh) return `ssh://${ssh[1]}@${ssh[2]?.toLowerCase()}${ssh[3] === ':22' ? '' : (ssh[3] ?? '')}/${ssh[4]}`;
  const https = new RegExp(String.raw`^git::https://${host}(:\d+)?/${path}`).exec(text);
  if (https) return `git::https://${https[1]?.toLowerCase()}${https[2] === ':443' ? '' : (https[2] ?? '')}/${https[3]}`;
  const hub = /^(github\.com|gitlab\.com|bitbucket\.org)\/([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(text);
  return hub ? `git::https://${hub[1]}/${hub[2]}` : undefined;
}

function registryPlace(
  source: string,
  version: string | undefined,
  binary: StackSettings['binary'],
): RemotePlace | undefined {
  const part = String.raw`[0-9A-Za-z][\w-]*`;
  const pattern = new RegExp(
    String.raw`^(?:([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9-]+(?::\d+)?)/)?(${part}/${part}/${part})(?://${plainPath})?$`,
  );
  const [, host, name] = pattern.exec(source) ?? [];
  if (name === undefined) return undefined;
  const registry = host ?? (binary === 'tofu' ? 'registry.opentofu.org' : 'registry.terraform.io');
  const isPinned = /^\s*=?\s*\d+\.\d+\.\d+(?:-[\w.-]+)?\s*$/.test(version ?? '');
  return { kind: 'registry', address: `${registry.toLowerCase()}/${name}`, isPinned };
}

/** `*` is one segment, `**` at the end whatever lies below. A repository is the same with and without `.git`. */
function matches(pattern: string, address: string): boolean {
  const wanted = pattern.split('/');
  const given = address.split('/');
  const isDeep = wanted.at(-1) === '**';
  const fixed = isDeep ? wanted.slice(0, -1) : wanted;
  return (
    (isDeep ? given.length > fixed.length : given.length === fixed.length) &&
    fixed.every((part, at) => part === '*' || part.replace(/\.git$/, '') === given[at])
  );
}

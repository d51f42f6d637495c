/** Where a stack's state and those that it may read lie in S3, in IAM's terms. */
import type { Policy, Repository } from './allowlist.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import type { CanonicalPath } from './path.ts';
import { overlaps, type Pattern } from './pattern.ts';
import { quote } from './quote.ts';
import { stackSettings } from './stack.ts';

/**
 * `own` and `reads` are `bucket/key`, in which `*` is IAM's; a stack whose state is elsewhere has no `own`. `buckets` are all
 * that hold states of anybody: roles are shared, and what one repository may read is not another's.
 */
export interface StateKeys {
  readonly own?: string;
  readonly reads: readonly string[];
  readonly buckets: readonly string[];
}

type Repositories = Policy['repositories'];

/** Refuses (E_CREDENTIALS) what IAM cannot say as narrowly as the policy does: see `stateKeysFlaw`. */
export function stateKeys(all: Repositories, repository: Repository, path: CanonicalPath): Result<StateKeys> {
  const { backend, reads } = stackSettings(repository, path);
  const flaw = stateKeysFlaw(all, repository, reads);
  if (flaw !== undefined) return refuse('E_CREDENTIALS', flaw.message, `have an admin ${flaw.fix}`);
  const { bucket = '', key = '' } = backend?.config ?? {};
  const read = placesOf(repository).flatMap(place =>
    readFrom(place, reads)
      .flatMap(textsOf)
      .map(text => `${place.bucket}/${keyOf(place.key, text)}`),
  );
  return ok({
    ...(backend?.type === 's3' ? { own: `${bucket}/${literal(key)}` } : {}),
    reads: [...new Set(read)],
    buckets: [...new Set(allPlaces(all).map(place => place.bucket))],
  });
}

/**
 * What a stack that reads these could not be narrowed to: bucket or key left to a repository, a bucket named after the path,
 * `*` inside a segment of `reads` (IAM's crosses slashes), and `reads` in a bucket whose keys are made in two ways that
 * may meet, or by two repositories (one's key of a stack may be another's of a stack that is not named).
 */
export function stateKeysFlaw(
  all: Repositories,
  repository: Repository,
  reads: readonly Pattern[],
): { readonly message: string; readonly fix: string } | undefined {
  const places = allPlaces(all);
  if (places.length === 0) return undefined;
  const open = places.find(place => !/^[a-z0-9][a-z0-9.-]*$/.test(place.bucket) || place.key === '');
  if (open !== undefined) {
    return {
      message: `\`backend\` of ${open.paths[0]?.text} in ${quote(open.repo)} does not name a bucket and a key outright`,
      fix: 'give `bucket`, without `{path}`, and `key` for every stack whose state is in S3',
    };
  }
  const starred = reads.find(({ segments }) => segments.some(one => one !== '**' && one.includes('*')));
  if (starred !== undefined) {
    return {
      message: `\`reads\` in ${quote(repository.name)} has ${quote(starred.text)}, and IAM cannot keep a \`*\` inside its segment`,
      fix: 'name those paths one by one, or with `/**`',
    };
  }
  const mixed = placesOf(repository)
    .filter(place => readFrom(place, reads).length > 0)
    .find(place => places.some(other => other.bucket === place.bucket && mayBeTaken(other, place, reads)));
  if (mixed === undefined) return undefined;
  return {
    message: `\`reads\` in ${quote(repository.name)} reaches into ${mixed.bucket}, where keys are made in more than one way`,
    fix: 'give every stack with its state in that bucket the same `key`, with `{repo}/` in front, or no `reads`',
  };
}

interface Place {
  readonly repo: string;
  readonly paths: readonly Pattern[];
  readonly bucket: string;
  /** Still with `{path}`. */
  readonly key: string;
}

const allPlaces = (all: Repositories): readonly Place[] => [...all.values()].flatMap(placesOf);

const placesOf = ({ name, stacks }: Repository): readonly Place[] =>
  stacks.flatMap(({ paths, settings: { backend } }) => {
    if (backend?.type !== 's3') return [];
    const of = (setting: string) => (backend.config[setting] ?? '').replaceAll('{repo}', name);
    return [{ repo: name, paths, bucket: of('bucket'), key: of('key') }];
  });

const readFrom = ({ paths }: Pick<Place, 'paths'>, reads: readonly Pattern[]): readonly Pattern[] =>
  reads.filter(pattern => paths.some(one => overlaps(one, pattern)));

/** Whether a state of `other` may have a key that `place` has for what is read. */
function mayBeTaken(other: Place, place: Place, reads: readonly Pattern[]): boolean {
  if (other.key === place.key) return other.repo !== place.repo && readFrom(other, reads).length > 0;
  const [one = '', another = ''] = [other.key, place.key].map(key => key.split('{path}')[0]);
  return one.startsWith(another) || another.startsWith(one);
}

const keyOf = (key: string, path: string): string => literal(key).replaceAll('{path}', path);

/** A key's own `*` and `?` are no wildcards. */
const literal = (text: string): string => text.replaceAll(/[*?]/g, wildcard => `\${${wildcard}}`);

/**
 * IAM's words for a pattern: `**` is nothing, or anything with its slash. `a/**` is `a` and `a/*`. That `*` fits keys of
 * no path too, like `a//b`; those are no stack's.
 */
function textsOf({ segments }: Pattern): readonly string[] {
  let texts = [''];
  for (const segment of segments) {
    texts = texts.flatMap(text =>
      segment === '**' ? [text, [text, '*'].filter(Boolean).join('/')] : [[text, segment].filter(Boolean).join('/')],
    );
  }
  return texts.filter(Boolean);
}

/** Where a stack's state and those that it may read lie in S3, in IAM's terms. */
import type { Repository } from './allowlist.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import type { CanonicalPath } from './path.ts';
import { overlaps, type Pattern } from './pattern.ts';
import { quote } from './quote.ts';
import { stackSettings } from './stack.ts';

/** `own` and `reads` are `bucket/key`, in which `*` is IAM's. `buckets` are all that hold states of the repository. */
export interface StateKeys {
  readonly own: string;
  readonly reads: readonly string[];
  readonly buckets: readonly string[];
}

/** Refuses (E_CREDENTIALS) what IAM cannot say as narrowly as the policy does: see `stateKeysFlaw`. */
export function stateKeys(repository: Repository, path: CanonicalPath): Result<StateKeys> {
  const { backend, reads } = stackSettings(repository, path);
  const flaw = stateKeysFlaw(repository, reads);
  if (flaw !== undefined) return refuse('E_CREDENTIALS', flaw.message, `have an admin ${flaw.fix}`);
  const { bucket = '', key = '' } = backend?.config ?? {};
  const places = placesOf(repository);
  const read = places.flatMap(place =>
    readFrom(place, reads)
      .flatMap(textsOf)
      .map(text => `${place.bucket}/${keyOf(place.key, text)}`),
  );
  return ok({
    own: `${bucket}/${literal(key)}`,
    reads: [...new Set(read)],
    buckets: [...new Set(places.map(place => place.bucket))],
  });
}

/**
 * What a stack that reads these could not be narrowed to: bucket or key left to the repository, a bucket named after the
 * path, `*` inside a segment of `reads` (IAM's crosses slashes), and `reads` in a bucket whose keys are made in two ways
 * (one way's key of a stack may be another's of a stack that is not named).
 */
export function stateKeysFlaw(
  repository: Repository,
  reads: readonly Pattern[],
): { readonly message: string; readonly fix: string } | undefined {
  const places = placesOf(repository);
  const open = places.find(place => !/^[a-z0-9][a-z0-9.-]*$/.test(place.bucket) || place.key === '');
  if (open !== undefined) {
    return {
      message: `\`backend\` of ${open.paths[0]?.text} does not name a bucket and a key outright`,
      fix: 'give `bucket`, without `{path}`, and `key` for every stack whose state is in S3',
    };
  }
  const starred = reads.find(({ segments }) => segments.some(one => one !== '**' && one.includes('*')));
  if (starred !== undefined) {
    return {
      message: `\`reads\` has ${quote(starred.text)}, and IAM cannot keep a \`*\` inside its segment`,
      fix: 'name those paths one by one, or with `/**`',
    };
  }
  const mixed = places.find(
    ({ bucket, key, ...place }) =>
      readFrom(place, reads).length > 0 && places.some(other => other.bucket === bucket && other.key !== key),
  );
  if (mixed === undefined) return undefined;
  return {
    message: `\`reads\` reaches into ${mixed.bucket}, where keys are made in more than one way`,
    fix: 'give every stack with its state in that bucket the same `key`, or no `reads`',
  };
}

interface Place {
  readonly paths: readonly Pattern[];
  readonly bucket: string;
  /** Still with `{path}`. */
  readonly key: string;
}

const placesOf = ({ name, stacks }: Repository): readonly Place[] =>
  stacks.flatMap(({ paths, settings: { backend } }) => {
    if (backend?.type !== 's3') return [];
    const of = (setting: string) => (backend.config[setting] ?? '').replaceAll('{repo}', name);
    return [{ paths, bucket: of('bucket'), key: of('key') }];
  });

const readFrom = ({ paths }: Pick<Place, 'paths'>, reads: readonly Pattern[]): readonly Pattern[] =>
  reads.filter(pattern => paths.some(one => overlaps(one, pattern)));

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

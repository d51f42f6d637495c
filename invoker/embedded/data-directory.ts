/** The directory of an embedded server: who may see it, its root key, and what is known of the server before. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Tokens } from '../bearer.ts';
import { newSecret } from '../secret.ts';
import { ledgerTables } from './sqlite-ledger.ts';
import { logTables } from './sqlite-logs.ts';

/** Terraform's plugins listen on sockets below the work directory, and a socket's path has 107 characters at most. */
const maxLength = 72;

/** `server.json`: where the server listens and what its callers must show. */
export interface ServerFile {
  readonly url: string;
  readonly tokens: Tokens;
}

export interface DataDirectory {
  readonly database: DatabaseSync;
  readonly rootKey: Uint8Array;
  readonly plans: string;
  readonly work: string;
  readonly state: string;
  readonly tokens: Tokens;
  /** The port of the server that used this directory before. */
  readonly formerPort?: number;
  readonly announce: (url: string) => void;
}

/** Opens or makes the directory for this process alone; throws an `Error` that says what is in the way. */
export function dataDirectory(directory: string): DataDirectory {
  const length = Buffer.byteLength(directory);
  if (length > maxLength)
    throw new Error(
      `the data directory's path has ${length} bytes, ${maxLength} is the most; fix: choose a shorter one`,
    );
  if (/["\\]|\$\{/.test(directory))
    throw new Error(
      "the data directory's path has a quote, a backslash or a `${`, which ssh cannot be told; fix: choose another one",
    );
  if (!isOurs(directory))
    throw new Error(`${directory} holds other things; fix: choose an empty directory, or one that does not exist yet`);
  refuseAmongPrograms(directory);
  privateDirectory(directory);
  refuseAmongPrograms(realpathSync(directory));
  const sub = (name: string): string => privateDirectory(join(directory, name));
  const database = lockedDatabase(join(directory, 'ledger.sqlite'), directory);
  const file = join(directory, 'server.json');
  const former = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ServerFile) : undefined;
  const tokens = former?.tokens ?? { deploy: `d_${newSecret()}`, audit: `a_${newSecret()}` };
  return {
    database,
    rootKey: rootKey(join(directory, 'root.key')),
    plans: sub('plans'),
    work: sub('work'),
    state: sub('state'),
    tokens,
    ...(former ? { formerPort: Number(new URL(former.url).port) } : {}),
    announce: url => writePrivate(file, `${JSON.stringify({ url, tokens } satisfies ServerFile, null, 2)}\n`),
  };
}

/** What a worker shows Terraform of this machine must not have the server's secrets in it. */
function refuseAmongPrograms(directory: string): void {
  if (/^\/(?:usr|bin|sbin|lib|lib32|lib64)\//.test(directory))
    throw new Error(
      `${directory} is among the machine's programs, which Terraform may see; fix: choose one in /var/lib`,
    );
}

/** What a server makes in it, and what a volume of its own may hold. */
const ownNames =
  /^(ledger\.sqlite(-wal|-shm|-journal)?|root\.key(\.new)?|server\.json(\.new)?|plans|work|state|lost\+found)$/;

/** Ours to lock up: not there yet, or with nothing else in it. */
const isOurs = (directory: string): boolean =>
  !existsSync(directory) || readdirSync(directory).every(name => ownNames.test(name));

function privateDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(directory);
  if (uid !== process.getuid?.())
    throw new Error(`${directory} belongs to another user; fix: choose a directory of your own`);
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
  return directory;
}

/** One server per directory: the lock on the database ends with the process, however that ends. */
function lockedDatabase(file: string, directory: string): DatabaseSync {
  const database = new DatabaseSync(file);
  chmodSync(file, 0o600);
  try {
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full;');
    database.exec(`begin immediate; ${ledgerTables} ${logTables} commit;`);
  } catch (error) {
    if (!/locked/.test(String(error))) throw error;
    throw new Error(`another server uses ${directory}; fix: stop it, or choose another --data-dir`);
  }
  return database;
}

function rootKey(file: string): Uint8Array {
  if (!existsSync(file)) writePrivate(file, randomBytes(32));
  const key = readFileSync(file);
  if (key.length !== 32) throw new Error(`${file} does not hold a key of 32 bytes; fix: restore it from your backup`);
  return key;
}

/** Whole or not at all, also when the machine stops in between. */
function writePrivate(file: string, content: string | Uint8Array): void {
  const draft = `${file}.new`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, file);
}

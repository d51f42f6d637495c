/** Says whether this machine can make the namespaces that Terraform runs in. */
import { findIsolation } from '../../task-image/isolation.ts';

const found = await findIsolation(process.env.PATH ?? '/usr/bin:/bin', undefined);

/** Why tests that need a sandbox cannot run, or undefined when they can. */
export const bubblewrapMissing = (): string | undefined =>
  found.kind === 'none' ? `${found.why} (package bubblewrap, and user namespaces for this user)` : undefined;

export const rootMissing = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'only root can become another user';

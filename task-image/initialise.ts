/** Terraform's `init`, with what is there for this step only: the keys of private modules, and a git that may fetch them. */
import type { Repository, StackSettings } from '../policies/allowlist.ts';
import type { Control } from './control.ts';
import type { Isolation } from './isolation.ts';
import { takeModuleKeys } from './module-keys.ts';
import type { Places } from './places.ts';
import type { Terraform } from './terraform.ts';

export interface InitialiseParts {
  readonly control: Pick<Control, 'claimed' | 'masker' | 'keySession' | 'dropKeySession'>;
  readonly tool: Pick<Terraform, 'init'>;
  readonly places: Pick<Places, 'runDir' | 'path'>;
  readonly repository: Pick<Repository, 'modules'>;
  readonly settings: Pick<StackSettings, 'moduleSources'>;
  readonly isolation: Isolation;
}

export async function initialise(parts: InitialiseParts): Promise<void> {
  const { control, tool, places, repository, settings, isolation } = parts;
  const keys = await takeModuleKeys({
    modules: repository.modules,
    moduleSources: settings.moduleSources,
    runDir: places.runDir,
    runId: control.claimed.run,
    path: places.path,
    hide: control.masker.hide,
    ...(isolation.kind === 'user' ? { user: isolation } : {}),
    session: control.keySession(),
  });
  control.dropKeySession();
  try {
    await tool.init(keys);
  } finally {
    await keys.drop();
  }
}

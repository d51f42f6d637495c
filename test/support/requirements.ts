/** Says which of the real parts the tests stand on are missing on this machine, and why. */
import { motoMissing } from './aws/moto.ts';
import { bubblewrapMissing, rootMissing } from './bubblewrap.ts';
import { providersMissing } from './providers.ts';
import { sshdMissing } from './sshd.ts';
import { terraformMissing } from './terraform.ts';

const checks = {
  aws: motoMissing,
  providers: providersMissing,
  root: rootMissing,
  sandbox: bubblewrapMissing,
  sshd: sshdMissing,
  terraform: terraformMissing,
};
export type Part = keyof typeof checks;

/** For `describe.skipIf(requires('sshd', 'terraform'))`: true when one of them is missing. */
export const requires = (...parts: readonly Part[]): boolean => parts.some(part => checks[part]() !== undefined);

/** One line per missing part, e.g. `sshd: /usr/sbin/sshd is missing (package openssh-server)`. */
export function missingParts(): readonly string[] {
  return Object.entries(checks).flatMap(([part, missing]) => {
    const why = missing();
    return why === undefined ? [] : [`${part}: ${why}`];
  });
}

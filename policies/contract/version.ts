/** The version of this package: put in by the bundler, `dev` when the source runs unbundled. */
declare const INFRA_DEPLOYER_VERSION: string | undefined;

export const version: string = typeof INFRA_DEPLOYER_VERSION === 'string' ? INFRA_DEPLOYER_VERSION : 'dev';

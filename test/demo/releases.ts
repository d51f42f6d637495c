/** The Terraform release that the demo fetches where there is none: its version, and the SHA-256 of each platform's archive. */

export interface Release {
  readonly version: string;
  /** SHA-256 in hex of `terraform_VERSION_PLATFORM.zip`, by platform as in the release's file names. */
  readonly digests: Readonly<Record<string, string>>;
}

/** As in terraform_1.11.4_SHA256SUMS; also in HashiCorp's Homebrew tap, Formula/terraform.rb of that version. */
export const terraformRelease: Release = {
  version: '1.11.4',
  digests: {
    linux_amd64: '1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc',
    linux_arm64: 'a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633',
    darwin_amd64: 'a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b',
    darwin_arm64: '867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18',
  },
};

/** Where releases are published; `INFRA_DEPLOYER_DEMO_MIRROR` names another place with the same layout. */
export const releaseHost = 'https://releases.hashicorp.com/terraform';

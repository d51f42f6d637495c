#!/usr/bin/env bash
# Builds the providers that tests install, where Go is there and they are not, in directories that Terraform and OpenTofu
# take as mirrors, kept in the user's cache: one small program under four names, and a stand-in for the AWS provider, by
# itself, since no policy is to find it. Never fails the caller.
set -uo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/infra-deployer"

# build SOURCE MIRROR VERSION NAME…
build() {
  local source="$1" mirror="$2" version="$3"
  shift 3
  local program
  program="$cache/provider-$(cat "$source"/*.{go,mod,sum,json} 2>/dev/null | sha256sum | head -c 16)"
  [ -x "$program" ] && return
  command -v go >/dev/null || { echo "no go to build providers with" >&2; return; }
  echo "building providers: $*" >&2
  mkdir -p "$cache"
  (cd "$source" && go build -mod=readonly -buildvcs=false -ldflags='-s -w' -o "$program.new" .) >&2 ||
    { echo "providers cannot be built" >&2; return; }
  for registry in registry.terraform.io registry.opentofu.org; do
    for name in "$@"; do
      local package
      package="$mirror/$registry/hashicorp/$name/$version/$(go env GOOS)_$(go env GOARCH)"
      mkdir -p "$package"
      # A hard link: a sandbox that shows the mirror alone would not show what a symbolic one leads to.
      ln -f "$program.new" "$package/terraform-provider-${name}_v$version"
    done
  done
  mv "$program.new" "$program"
}

build "$here/provider" "$cache/providers" 1.0.0 external local null random
build "$here/../terraform/provider" "$cache/aws-provider" 6.66.0 aws

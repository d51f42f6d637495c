#!/usr/bin/env bash
# Builds the providers that tests install, where Go is there and they are not: one small program under four names, in a
# directory that Terraform and OpenTofu take as a mirror, kept in the user's cache. Never fails the caller.
set -uo pipefail
source="$(dirname "$0")/provider"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/infra-deployer"
version=1.0.0

program="$cache/provider-$(cat "$source"/{main.go,go.mod,go.sum} | sha256sum | head -c 16)"
[ -x "$program" ] && exit
command -v go >/dev/null || { echo "no go to build providers with" >&2; exit; }
echo "building providers" >&2
mkdir -p "$cache"
(cd "$source" && go build -mod=readonly -buildvcs=false -ldflags='-s -w' -o "$program.new" .) >&2 ||
  { echo "providers cannot be built" >&2; exit; }
for registry in registry.terraform.io registry.opentofu.org; do
  for name in external local null random; do
    package="$cache/providers/$registry/hashicorp/$name/$version/$(go env GOOS)_$(go env GOARCH)"
    mkdir -p "$package"
    # A hard link: a sandbox that shows the mirror alone would not show what a symbolic one leads to.
    ln -f "$program.new" "$package/terraform-provider-${name}_v$version"
  done
done
mv "$program.new" "$program"

#!/usr/bin/env bash
# Builds the OpenTofu and Terragrunt that tests run real stacks with, where Go is there and they are not: pinned versions,
# checked by Go's own checksum database, kept in the user's cache. Prints the directory they are in; never fails the caller.
set -uo pipefail
tools="${XDG_CACHE_HOME:-$HOME/.cache}/infra-deployer/tools"
mkdir -p "$tools"

build() { # name, module, version, package
  command -v "$1" >/dev/null && return
  [ -x "$tools/$1-$3" ] || {
    command -v go >/dev/null || { echo "no go to build $1 with" >&2; return; }
    echo "building $1 $3" >&2
    local source copy
    source=$(GOFLAGS=-mod=mod go mod download -json "$2@$3" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
    [ -n "$source" ] || { echo "$1 $3 cannot be had" >&2; return; }
    # The module's own go.mod replaces some of its dependencies, which `go install` would refuse.
    copy=$(mktemp -d)
    cp -r "$source/." "$copy" && chmod -R u+w "$copy"
    (cd "$copy" && go build -o "$tools/$1-$3" "$4") >&2 || echo "$1 $3 cannot be built" >&2
    rm -rf "$copy"
  }
  [ -x "$tools/$1-$3" ] && ln -sf "$1-$3" "$tools/$1"
}

build tofu github.com/opentofu/opentofu v1.10.6 ./cmd/tofu
build terragrunt github.com/gruntwork-io/terragrunt v0.58.0 .
echo "$tools"

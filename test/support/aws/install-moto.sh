#!/usr/bin/env bash
# Installs moto, the AWS that tests keep their stores in, where Python is there and it is not: pinned by hash, in a virtual
# environment of its own in the user's cache, named after what it holds. Never fails the caller.
set -uo pipefail
requirements="$(dirname "$0")/moto-requirements.txt"
home="${XDG_CACHE_HOME:-$HOME/.cache}/infra-deployer/moto-$(sha256sum <"$requirements" | head -c 16)"

[ -x "$home/bin/moto_server" ] && exit
# A virtual environment holds its own path and cannot be moved: whoever comes second waits.
mkdir -p "$home"
exec 9>"$home/lock"
flock 9
[ -x "$home/bin/moto_server" ] && exit
echo "installing moto" >&2
python3 -m venv "$home" >&2 &&
  "$home/bin/pip" install --quiet --retries 1 --disable-pip-version-check --require-hashes --only-binary :all: --requirement "$requirements" >&2 ||
  { rm -f "$home/bin/moto_server"; echo "moto cannot be installed" >&2; }

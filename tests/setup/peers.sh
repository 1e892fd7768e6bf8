#!/bin/sh
# Puts the Python packages of peers.txt, which `make bench-storage` compares with, into .deps/peers (about 750 MB).
set -eu

fail() {
    echo "peers.sh: $*" >&2
    exit 1
}

command -v python3 >/dev/null || fail "needs python3; install it (Debian: apt-get install python3 python3-pip)"

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
list=$here/peers.txt
dest=$root/.deps/peers
stamp=$dest/stamp
want="$(grep -v '^#' "$list") for $(python3 --version 2>&1)"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

python3 -m pip --version >/dev/null 2>&1 || fail "needs pip; install it (Debian: apt-get install python3-pip)"
rm -rf "$dest.part"
mkdir -p "$root/.deps"
echo "peers.sh: installing the packages of tests/setup/peers.txt into .deps/peers" >&2
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile --no-deps --only-binary :all: \
    --target "$dest.part" --requirement "$list" || fail "pip could not install the packages of $list; they need Python 3.11 or later"
printf '%s\n' "$want" >"$dest.part/stamp"
rm -rf "$dest"
mv "$dest.part" "$dest"

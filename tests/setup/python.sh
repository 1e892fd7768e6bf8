#!/bin/sh
# Puts the Python packages of python.txt, which tests use, into .deps/python; use them with PYTHONPATH=.deps/python.
set -eu

fail() {
    echo "python.sh: $*" >&2
    exit 1
}

command -v python3 >/dev/null || fail "needs python3; install it (Debian: apt-get install python3 python3-pip)"

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
list=$here/python.txt
dest=$root/.deps/python
stamp=$dest/stamp
want="$(grep -v '^#' "$list") for $(python3 --version 2>&1)"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

python3 -m pip --version >/dev/null 2>&1 || fail "needs pip; install it (Debian: apt-get install python3-pip)"
rm -rf "$dest.part"
mkdir -p "$root/.deps"
echo "python.sh: installing the packages of tests/setup/python.txt into .deps/python" >&2
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile --no-deps --target "$dest.part" \
    --requirement "$list" || fail "pip could not install the packages of $list; they need Python 3.11 or later"
printf '%s\n' "$want" >"$dest.part/stamp"
rm -rf "$dest"
mv "$dest.part" "$dest"

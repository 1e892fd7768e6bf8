#!/bin/sh
# Puts the Python packages that tests compare against into .deps/python; use them with PYTHONPATH=.deps/python.
set -eu

# scikit-learn only for the two photographs in it.
packages="numpy==2.4.6 scipy==1.17.1 pillow==13.0.0 scikit-learn==1.9.1"

fail() {
    echo "python.sh: $*" >&2
    exit 1
}

command -v python3 >/dev/null || fail "needs python3; install it (Debian: apt-get install python3 python3-pip)"

root=$(cd "$(dirname "$0")/../.." && pwd)
dest=$root/.deps/python
stamp=$dest/stamp
want="$packages for $(python3 --version 2>&1)"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

python3 -m pip --version >/dev/null 2>&1 || fail "needs pip; install it (Debian: apt-get install python3-pip)"
rm -rf "$dest" "$dest.part"
mkdir -p "$root/.deps"
echo "python.sh: installing $packages into .deps/python" >&2
# shellcheck disable=SC2086 # one word a package
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile --no-deps --target "$dest.part" $packages ||
    fail "pip could not install $packages; they need Python 3.11 or later"
printf '%s\n' "$want" >"$dest.part/stamp"
mv "$dest.part" "$dest"

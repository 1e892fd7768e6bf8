#!/bin/sh
# Builds the Python package of shared/python as pip does for a user, and puts it into .deps/python-package together with
# what its tests need; use them with PYTHONPATH=.deps/python-package:.deps/python.
set -eu

fail() {
    echo "python-package.sh: $*" >&2
    exit 1
}

command -v python3 >/dev/null || fail "needs python3; install it (Debian: apt-get install python3 python3-pip)"
command -v cargo >/dev/null || fail "needs cargo; install Rust 1.95 (https://rustup.rs)"

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
package=$root/shared/python
list=$here/python-package.txt
dest=$root/.deps/python-package
stamp=$dest/stamp
# Everything the package is made of: what is read and built, not what tests or explains it.
sources() {
    cd "$root"
    find Cargo.toml shared/Cargo.toml shared/src shared/python/Cargo.toml shared/python/Cargo.lock \
        shared/python/pyproject.toml shared/python/src shared/python/python \
        -type f ! -name '*.pyc' ! -name '*.so' | LC_ALL=C sort | xargs sha256sum | sha256sum
}
want="$(grep -v '^#' "$list") of $(sources) for $(python3 --version 2>&1)"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

python3 -m pip --version >/dev/null 2>&1 || fail "needs pip; install it (Debian: apt-get install python3-pip)"
rm -rf "$dest.part"
mkdir -p "$root/.deps"
echo "python-package.sh: building the Python package into .deps/python-package (a release build, some minutes the first time)" >&2
install() {
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile --no-deps \
        --target "$dest.part" "$@"
}
install --requirement "$list" || fail "pip could not install the packages of $list; they need Python 3.10 or later"
# From its folder, so that cargo finds the settings there.
(cd "$package" && install .) || fail "pip could not build $package; see above"
printf '%s\n' "$want" >"$dest.part/stamp"
rm -rf "$dest"
mv "$dest.part" "$dest"

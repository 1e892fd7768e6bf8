#!/bin/sh
# Builds the Python package of shared/python as pip does for a user, and puts it into .deps/python-package together with
# what its tests need; use them with PYTHONPATH=.deps/python-package:.deps/python.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/worker/setup/pip.sh"
python=$(pip_python)
command -v cargo >/dev/null || fail "needs cargo; install Rust 1.95 (https://rustup.rs)"
package=$root/shared/python
list=$here/python-package.txt
dest=$root/.deps/python-package
# Everything the package is made of: what is read and built, not what tests or explains it.
sources() {
    cd "$root"
    find Cargo.toml shared/Cargo.toml shared/src shared/python/Cargo.toml shared/python/Cargo.lock \
        shared/python/pyproject.toml shared/python/src shared/python/python \
        -type f ! -name '*.pyc' ! -name '*.so' | LC_ALL=C sort | xargs sha256sum | sha256sum
}
want="$(grep -v '^#' "$list") of $(sources) for $python"

pip_done "$dest" "$want" && exit 0

pip_begin "$dest" "building the Python package into .deps/python-package (a release build, some minutes the first time)"
pip_install "$dest" --requirement "$list" || fail "pip could not install the packages of $list; they need Python 3.10 or later"
# From its folder, so that cargo finds the settings there.
(cd "$package" && pip_install "$dest" .) || fail "pip could not build $package; see above"
pip_finish "$dest" "$want"

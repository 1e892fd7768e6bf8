#!/bin/sh
# Puts the Python packages of a list that lies beside this script into a folder of the list's name, for PYTHONPATH:
# `python.sh python` those that tests use into .deps/python, `python.sh peers` those that `make bench-storage` compares with
# into .deps/peers (about 750 MB), `python.sh pytorch` those that `make bench-engine` compares with into .deps/pytorch (4.7 GB),
# `python.sh optuna` what `make bench-search` compares with into .deps/optuna (about 85 MB).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/worker/setup/pip.sh"

name=${1:-}
list=$here/$name.txt
[ -n "$name" ] && [ -f "$list" ] || fail "name a list: python.sh python, python.sh peers, python.sh pytorch or python.sh optuna"
dest=$root/.deps/$name
python=$(pip_python)
# Without comments and pip's options.
want="$(grep -v '^[#-]' "$list") for $python"
pip_done "$dest" "$want" && exit 0

large=
[ "$name" != pytorch ] || large=" (4.7 GB, only for make bench-engine)"
pip_begin "$dest" "installing the packages of tests/setup/$name.txt into .deps/$name$large"
pip_install "$dest" --requirement "$list" || fail "pip could not install the packages of $list; they need Python 3.11 or later"
pip_finish "$dest" "$want"

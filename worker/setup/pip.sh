# For set-up scripts to source: Python packages in a folder of their own.
#
#   pip_python                 says which Python there is, or what to do if there is none
#   pip_done FOLDER WANT       whether FOLDER was finished as WANT says
#   pip_begin FOLDER TELL      begins FOLDER.part anew, and tells what is about to happen
#   pip_install FOLDER WORD... installs what the words say into FOLDER.part; more than once if need be
#   pip_finish FOLDER WANT     makes FOLDER.part the FOLDER, which is as WANT says

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

pip_python() {
    command -v python3 >/dev/null || fail "needs python3; install it (Debian: apt-get install python3 python3-pip)"
    python3 --version 2>&1
}

pip_done() {
    [ -f "$1/stamp" ] && [ "$(cat "$1/stamp")" = "$2" ]
}

pip_begin() {
    rm -rf "$1.part"
    mkdir -p "$(dirname "$1")"
    echo "$(basename "$0"): $2" >&2
}

pip_install() {
    pip_target=$1.part
    shift
    pip_python >/dev/null
    python3 -m pip --version >/dev/null 2>&1 || fail "needs pip; install it (Debian: apt-get install python3-pip)"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile --no-deps \
        --target "$pip_target" "$@"
}

pip_finish() {
    printf '%s\n' "$2" >"$1.part/stamp"
    rm -rf "$1"
    mv "$1.part" "$1"
}

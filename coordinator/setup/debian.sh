# For set-up scripts to source: Debian packages, downloaded and unpacked without being installed.
#
#   debian_begin ELSEWHERE          makes the folder $unpacked, which goes when the script ends; ELSEWHERE says what to do
#                                   on a machine that has no such packages
#   debian_unpack PACKAGE [SHA256]  puts the files of PACKAGE, or PACKAGE=VERSION, into $unpacked

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

debian_begin() {
    elsewhere=$1
    for tool in apt-get dpkg-deb sha256sum; do
        command -v "$tool" >/dev/null || fail "needs $tool, so a Debian or Ubuntu machine; elsewhere $elsewhere"
    done
    downloads=$(mktemp -d)
    trap 'rm -rf "$downloads"' EXIT
    chmod 755 "$downloads" # apt drops its rights while it downloads
    unpacked=$downloads/tree
}

debian_unpack() {
    # A fresh machine has no list of packages yet, an old one lists what is not there any more.
    if ! debian_download "$1" 2>/dev/null; then
        [ "$(id -u)" = 0 ] || fail "apt-get cannot download $1; run 'apt-get update' as root, then this again, or $elsewhere"
        apt-get -qq update || fail "'apt-get update' failed; see above"
        debian_download "$1" || fail "apt-get cannot download $1 (Debian 12 has it, in main); else $elsewhere"
    fi
    for package in "$downloads"/*.deb; do
        [ -z "${2:-}" ] || printf '%s  %s\n' "$2" "$package" | sha256sum --check --quiet || fail "$1 is not the package that was pinned"
        dpkg-deb -x "$package" "$unpacked" || fail "the downloaded $1 does not unpack"
        rm "$package"
    done
}

debian_download() {
    (cd "$downloads" && apt-get -qq -o APT::Sandbox::User=root download "$1" </dev/null)
}

#!/bin/sh
# Puts etcd into .deps/etcd, for the benchmark that compares with it. It comes from the Debian package etcd-server, unpacked
# without being installed.
set -eu

package=etcd-server

fail() {
    echo "etcd.sh: $*" >&2
    exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
dest=$root/.deps/etcd

[ -x "$dest/etcd" ] && exit 0

for tool in apt-get apt-cache dpkg-deb; do
    command -v "$tool" >/dev/null || fail "needs $tool, so a Debian or Ubuntu machine; elsewhere put etcd 3.4 or later into $dest by hand"
done
if ! apt-cache show "$package" >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || fail "apt knows no package $package; run 'apt-get update' as root, then this again"
    apt-get -qq update || fail "'apt-get update' failed; see above"
fi

part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
chmod 755 "$part" # apt drops its rights while it downloads
(cd "$part" && apt-get -qq -o APT::Sandbox::User=root download "$package") || fail "apt-get could not download $package"
dpkg-deb -x "$part/$package"_*.deb "$part/tree" || fail "the downloaded package does not unpack"
mkdir -p "$dest"
cp "$part/tree/usr/bin/etcd" "$dest/etcd.part"
mv "$dest/etcd.part" "$dest/etcd"

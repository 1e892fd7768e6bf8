#!/bin/sh
# Puts etcd into .deps/etcd, for the benchmark that compares with it. It comes from the Debian package etcd-server, unpacked
# without being installed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/coordinator/setup/debian.sh"
dest=$root/.deps/etcd

[ -x "$dest/etcd" ] && exit 0

debian_begin "put etcd 3.4 or later into $dest by hand"
debian_unpack etcd-server
mkdir -p "$dest"
cp "$unpacked/usr/bin/etcd" "$dest/etcd.part"
mv "$dest/etcd.part" "$dest/etcd"

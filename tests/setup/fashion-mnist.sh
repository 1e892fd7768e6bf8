#!/bin/sh
# Puts Fashion-MNIST (Xiao, Rasul, Vollgraf 2017; MIT licence) as four gzipped IDX files into a folder, .deps/fashion-mnist
# unless another is named. It comes from the Debian package dataset-fashion-mnist, unpacked without being installed.
set -eu

files="train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz"

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/coordinator/setup/debian.sh"
dest=${1:-$root/.deps/fashion-mnist}

complete() {
    for file in $files; do
        [ -s "$dest/$file" ] || return 1
    done
}

complete && exit 0

debian_begin "put $files into $dest by hand"
debian_unpack dataset-fashion-mnist
mkdir -p "$dest"
for file in $files; do
    found=$(find "$unpacked" -name "$file" -type f | head -n 1)
    [ -n "$found" ] || fail "the package holds no $file"
    gzip -t "$found" || fail "$file of the package is damaged"
    cp "$found" "$dest/$file.part"
    mv "$dest/$file.part" "$dest/$file"
done

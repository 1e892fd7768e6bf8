#!/bin/sh
# Puts Fashion-MNIST (Xiao, Rasul, Vollgraf 2017; MIT licence) as four gzipped IDX files into a folder, .deps/fashion-mnist
# unless another is named. It comes from the Debian package dataset-fashion-mnist, unpacked without being installed.
set -eu

package=dataset-fashion-mnist
files="train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz"

fail() {
    echo "fashion-mnist.sh: $*" >&2
    exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
dest=${1:-$root/.deps/fashion-mnist}

complete() {
    for file in $files; do
        [ -s "$dest/$file" ] || return 1
    done
}

complete && exit 0

for tool in apt-get apt-cache dpkg-deb; do
    command -v "$tool" >/dev/null || fail "needs $tool, so a Debian or Ubuntu machine; elsewhere put $files into $dest by hand"
done
if ! apt-cache show "$package" >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || fail "apt knows no package $package; run 'apt-get update' as root, then this again"
    apt-get -qq update || fail "'apt-get update' failed; see above"
    apt-cache show "$package" >/dev/null 2>&1 || fail "apt's sources have no package $package; add Debian's main component"
fi

part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
chmod 755 "$part" # apt drops its rights while it downloads
(cd "$part" && apt-get -qq -o APT::Sandbox::User=root download "$package") || fail "apt-get could not download $package; run 'apt-get update' as root if its list is old"
dpkg-deb -x "$part/$package"_*.deb "$part/tree" || fail "the downloaded package does not unpack"
mkdir -p "$dest"
for file in $files; do
    found=$(find "$part/tree" -name "$file" -type f | head -n 1)
    [ -n "$found" ] || fail "the package holds no $file"
    gzip -t "$found" || fail "$file of the package is damaged"
    cp "$found" "$dest/$file.part"
    mv "$dest/$file.part" "$dest/$file"
done

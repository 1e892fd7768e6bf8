#!/bin/sh
# Puts photographs for `make bench-storage` into .deps/photos: the wallpapers of five Debian packages, unpacked without being
# installed. Their licences lie beside them, below doc/.
set -eu

# Package, version, SHA-256: other photographs give other figures.
packages="mate-backgrounds 1.26.0-1 7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04
ukui-wallpapers 20.04.3-1.1 6d49be70152e6d603163458e177e501deb0be8f2916389ccbfcf59b0d7fc0262
lomiri-wallpapers-16.04 20.04.0-2 a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab
lomiri-wallpapers-20.04 20.04.0-2 d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709
plasma-workspace-wallpapers 4:5.27.5-2 32cd18b71c8c938a18b3b351f217c02ac590e323caa3cf322fbb875ce8892f8b"

fail() {
    echo "photos.sh: $*" >&2
    exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
dest=$root/.deps/photos
stamp=$dest/stamp

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$packages" ]; then
    exit 0
fi

for tool in apt-get apt-cache dpkg-deb sha256sum; do
    command -v "$tool" >/dev/null || fail "needs $tool, so a Debian machine; elsewhere give photographs of your own: make bench-storage PHOTOS=folder"
done
if ! apt-cache show mate-backgrounds >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || fail "apt knows no package mate-backgrounds; run 'apt-get update' as root, then this again"
    apt-get -qq update || fail "'apt-get update' failed; see above"
fi

part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
chmod 755 "$part" # apt drops its rights while it downloads
echo "photos.sh: downloading 190 MB of photographs into .deps/photos" >&2
printf '%s\n' "$packages" | while read -r package version sum; do
    (cd "$part" && apt-get -qq -o APT::Sandbox::User=root download "$package=$version") ||
        fail "apt-get could not download $package $version (Debian 12 has it); else give photographs of your own: make bench-storage PHOTOS=folder"
    file=$(find "$part" -maxdepth 1 -name "${package}_*.deb")
    printf '%s  %s\n' "$sum" "$file" | sha256sum --check --quiet || fail "$file is not the file that was pinned"
    dpkg-deb -x "$file" "$part/tree" || fail "the downloaded $package does not unpack"
    rm "$file"
done
rm -rf "$dest"
mkdir -p "$(dirname "$dest")"
cp -r "$part/tree/usr/share" "$dest"
printf '%s' "$packages" >"$stamp"

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

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/coordinator/setup/debian.sh"
dest=$root/.deps/photos
stamp=$dest/stamp

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$packages" ]; then
    exit 0
fi

debian_begin "give photographs of your own: make bench-storage PHOTOS=folder"
echo "photos.sh: downloading 190 MB of photographs into .deps/photos" >&2
printf '%s\n' "$packages" | while read -r package version sum; do
    debian_unpack "$package=$version" "$sum"
done
rm -rf "$dest"
mkdir -p "$(dirname "$dest")"
cp -r "$unpacked/usr/share" "$dest"
printf '%s' "$packages" >"$stamp"

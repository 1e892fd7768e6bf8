#!/bin/sh
# Puts protoc into .deps/protoc, where .cargo/config.toml makes the raft crate's build look for it. It comes from the Debian
# package protobuf-compiler with its libraries, unpacked without being installed.
set -eu

packages="protobuf-compiler libprotoc32 libprotobuf32"

fail() {
    echo "protoc.sh: $*" >&2
    exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
dest=$root/.deps/protoc

"$dest/bin/protoc" --version >/dev/null 2>&1 && exit 0

if command -v protoc >/dev/null; then
    mkdir -p "$dest/bin"
    ln -sf "$(command -v protoc)" "$dest/bin/protoc"
    exit 0
fi

for tool in apt-get apt-cache dpkg-deb; do
    command -v "$tool" >/dev/null || fail "needs protoc 3 (or $tool to fetch it from Debian); install it and run this again"
done
if ! apt-cache show protobuf-compiler >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || fail "apt knows no package protobuf-compiler; run 'apt-get update' as root, then this again"
    apt-get -qq update || fail "'apt-get update' failed; see above"
fi

part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
chmod 755 "$part" # apt drops its rights while it downloads
echo "protoc.sh: fetching $packages into .deps/protoc" >&2
# shellcheck disable=SC2086 # one word a package
(cd "$part" && apt-get -qq -o APT::Sandbox::User=root download $packages) ||
    fail "apt-get could not download $packages; run 'apt-get update' as root if its list is old, or install protoc"
for package in "$part"/*.deb; do
    dpkg-deb -x "$package" "$part/tree" || fail "$package does not unpack"
done
rm -rf "$dest"
mkdir -p "$dest/bin" "$dest/lib"
cp -a "$part"/tree/usr/lib/*/libproto*.so* "$dest/lib"
cp "$part/tree/usr/bin/protoc" "$dest/lib/protoc"
cat >"$dest/bin/protoc" <<END
#!/bin/sh
LD_LIBRARY_PATH="$dest/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$dest/lib/protoc" "\$@"
END
chmod 755 "$dest/bin/protoc"
"$dest/bin/protoc" --version >/dev/null || fail "the fetched protoc does not start"

#!/bin/sh
# Puts protoc into .deps/protoc, where .cargo/config.toml makes the raft crate's build look for it. It comes from the Debian
# package protobuf-compiler with its libraries, unpacked without being installed.
set -eu

packages="protobuf-compiler libprotoc32 libprotobuf32"

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/coordinator/setup/debian.sh"
dest=$root/.deps/protoc

"$dest/bin/protoc" --version >/dev/null 2>&1 && exit 0

if command -v protoc >/dev/null; then
    mkdir -p "$dest/bin"
    ln -sf "$(command -v protoc)" "$dest/bin/protoc"
    exit 0
fi

debian_begin "install protoc 3"
echo "protoc.sh: fetching $packages into .deps/protoc" >&2
for package in $packages; do
    debian_unpack "$package"
done
rm -rf "$dest"
mkdir -p "$dest/bin" "$dest/lib"
cp -a "$unpacked"/usr/lib/*/libproto*.so* "$dest/lib"
cp "$unpacked/usr/bin/protoc" "$dest/lib/protoc"
cat >"$dest/bin/protoc" <<END
#!/bin/sh
LD_LIBRARY_PATH="$dest/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$dest/lib/protoc" "\$@"
END
chmod 755 "$dest/bin/protoc"
"$dest/bin/protoc" --version >/dev/null || fail "the fetched protoc does not start"

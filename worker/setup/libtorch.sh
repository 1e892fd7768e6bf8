#!/bin/sh
# Puts libtorch into .deps/libtorch, where .cargo/config.toml makes the build look for it.
#
# The library comes from PyPI's wheel of torch; the two NVIDIA wheels are there because libtorch_cpu.so needs
# them even on a machine without a GPU. libtorch_cuda.so is left out of the link folder on purpose: a program
# that links it needs every CUDA library to start, so the worker opens it at run time instead.
#
# IMGCALC_TORCH=<.../site-packages/torch> links an installed torch of the same version instead of downloading one.
set -eu

torch_version=2.11.0 # what tch 0.24 is written for
runtime_version=13.0.96
cupti_version=13.0.85

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/worker/setup/pip.sh"
deps=$root/.deps
link=$deps/libtorch
stamp=$link/stamp
want="torch $torch_version cuda-runtime $runtime_version cupti $cupti_version from ${IMGCALC_TORCH:-PyPI} in $root"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && [ -e "$link/lib/libtorch_cpu.so" ]; then
    exit 0
fi

if [ -n "${IMGCALC_TORCH:-}" ]; then
    torch=$IMGCALC_TORCH
    case $(cat "$torch/version.py" 2>/dev/null) in
    *"'$torch_version"*) ;;
    *) fail "IMGCALC_TORCH=$torch holds no torch $torch_version; point it at the torch folder of a site-packages that does, or unset it" ;;
    esac
else
    torch=$deps/torch/torch
    wheels="torch $torch_version cuda-runtime $runtime_version cupti $cupti_version"
fi

# A checkout that was moved needs new links, not a new download.
if [ -z "${IMGCALC_TORCH:-}" ] && ! pip_done "$deps/torch" "$wheels"; then
    rm -rf "$deps/torch"
    pip_begin "$deps/torch" "installing torch $torch_version into .deps/torch (about 530 MB to download)"
    pip_install "$deps/torch" \
        "torch==$torch_version" "nvidia-cuda-runtime==$runtime_version" "nvidia-cuda-cupti==$cupti_version" ||
        fail "pip could not install torch $torch_version; it has wheels for Linux and Python 3.10 to 3.14, and needs about 2 GB of disk"
    pip_finish "$deps/torch" "$wheels"
fi

rm -rf "$link"
mkdir -p "$link/lib"
ln -s "$torch/include" "$link/include"
for name in libc10.so libtorch.so libtorch_cpu.so libtorch_global_deps.so; do
    [ -e "$torch/lib/$name" ] || fail "$torch/lib has no $name; is it a Linux build of torch?"
    ln -s "$torch/lib/$name" "$link/lib/$name"
done
for file in "$torch"/lib/libgomp*; do
    [ ! -e "$file" ] || ln -s "$file" "$link/lib/$(basename "$file")"
done
printf '%s\n' "$want" >"$stamp"

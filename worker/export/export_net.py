#!/usr/bin/env python3
"""Writes a net as the TorchScript file that `imgcalc nets add` takes.

    python3 export_net.py --torchvision swin_t --classes 10 --channels 1 --out swin.pt
    python3 export_net.py --torchvision SwinTransformer --classes 10 --out small_swin.pt --kwargs '{"patch_size": [2, 2],
        "embed_dim": 48, "depths": [2, 2], "num_heads": [3, 6], "window_size": [4, 4]}'
    python3 export_net.py --module my_file.py:make_net --classes 10 --channels 3 --out mine.pt

or, from Python, `export(module, path)`. It needs torch alone, and torchvision for --torchvision. A function of a file of one's own
is called as `make_net(channels=…, classes=…, **kwargs)` and gives a torch.nn.Module that makes images × classes of images ×
channels × rows × columns. Its values as they are now are the first weights; --seed decides those that are drawn at random.

What is done to a module, and why:

- Every buffer becomes a parameter that wants no gradient: buffers of a TorchScript file cannot be reached from outside, so
  running statistics would be lost between two trainings. Arrays of whole numbers stay what they are and are not trained.
- It is scripted, never traced: in a traced module dropout and normalisation no longer know training from evaluation.
- A method `imgcalc_export` says that both was done.
- What names files of this machine is left out, so that equal nets give equal files.

Refused: floats other than 32 bits, a parameter under two names, batch normalisation whose momentum is None (its average
needs a count that is no weight), modules that are scripted or traced already, and those without anything to train.
"""

import argparse
import copy
import importlib.util
import io
import json
import os
import pathlib
import sys
import zipfile

import torch

VERSION = 1
# Names the program uses beside those of a net.
RESERVED = ("input.", "momentum.")


class Refused(Exception):
    """Why a module cannot be exported."""


def export(module, path):
    """Writes `module`, which is left as it is, to the file `path`."""
    if isinstance(module, torch.jit.ScriptModule):
        raise Refused("it is scripted or traced already: give the Python module itself")
    module = copy.deepcopy(module).cpu().train()
    check(module)
    for part in module.modules():
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                del part._buffers[name]
                value = buffer.detach().clone().contiguous()
                part.register_parameter(name, torch.nn.Parameter(value, requires_grad=False))
    try:
        script = torch.jit.script(module)
    except Exception as error:
        raise Refused(f"it cannot be scripted; rewrite what TorchScript does not know:\n{error}") from error
    for name, part in script.named_modules():
        if isinstance(part, torch.jit.TracedModule):
            raise Refused(f"its part `{name}` is traced: script it instead")
    script.define(f"def imgcalc_export(self) -> int:\n    return {VERSION}\n")
    saved = io.BytesIO()
    torch.jit.save(script, saved)
    bytes_ = without_places(saved.getvalue())
    check_reloaded(bytes_, module)
    # Whole or not at all.
    path = pathlib.Path(path)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(bytes_)
    os.replace(unfinished, path)


def check(module):
    """Refuses what could be scripted but not trained."""
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase):
            if part.track_running_stats and part.momentum is None:
                raise Refused(f"the momentum of `{name}` is None: give it a number, for example 0.1")
        if isinstance(part, torch.jit.ScriptModule):
            raise Refused(f"its part `{name}` is scripted or traced already: give the Python module itself")
    named = list(module.named_parameters(remove_duplicate=False)) + list(
        module.named_buffers(remove_duplicate=False)
    )
    places = {}
    for name, value in named:
        if isinstance(value, torch.nn.parameter.UninitializedTensorMixin):
            raise Refused(f"`{name}` has no shape yet: run the module once on an image before it is exported")
        if value.is_complex() or value.is_floating_point() and value.dtype != torch.float32:
            raise Refused(f"`{name}` is {value.dtype}: convert the module with .float()")
        if name.startswith(RESERVED):
            raise Refused(f"the name `{name}` is taken: rename that part")
        place = value.untyped_storage().data_ptr()
        if value.numel() and places.setdefault(place, name) != name:
            raise Refused(f"`{name}` and `{places[place]}` are one: a net shares no parameters")
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise Refused("it has no parameter to train")


def without_places(bytes_):
    """The same archive without the names of the source files, and with one date for all."""
    cleaned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bytes_)) as old, zipfile.ZipFile(cleaned, "w") as new:
        for name in sorted(old.namelist()):
            if name.endswith(".debug_pkl"):
                continue
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            code = "/code/" in name
            entry.compress_type = zipfile.ZIP_DEFLATED if code else zipfile.ZIP_STORED
            new.writestr(entry, old.read(name))
    return cleaned.getvalue()


def check_reloaded(bytes_, module):
    """The file holds what the module does."""
    again = torch.jit.load(io.BytesIO(bytes_))
    assert not list(again.named_buffers()), "a buffer is left"
    assert again.imgcalc_export() == VERSION
    found, expected = dict(again.named_parameters()), dict(module.named_parameters())
    assert found.keys() == expected.keys(), "names differ"
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
        assert found[name].requires_grad == value.requires_grad, name


def from_torchvision(name, channels, classes, kwargs):
    """A net of torchvision.models by its function or class, for so many channels."""
    import torchvision

    make = getattr(torchvision.models, name, None)
    if not callable(make):
        raise Refused(f"torchvision.models has no {name}")
    module = make(num_classes=classes, **kwargs)
    found = ((n, part) for n, part in module.named_modules() if isinstance(part, torch.nn.Conv2d))
    name, first = next(found, (None, None))
    if first is None or first.groups != 1:
        raise Refused("it does not start with a convolution: make it with --module")
    if first.in_channels != channels:
        other = torch.nn.Conv2d(
            channels,
            first.out_channels,
            first.kernel_size,
            first.stride,
            first.padding,
            first.dilation,
            bias=first.bias is not None,
            padding_mode=first.padding_mode,
        )
        with torch.no_grad():
            # What all channels together say to an image that is equal in all stays what it was.
            other.weight.copy_(first.weight.sum(1, keepdim=True).expand_as(other.weight) / channels)
            if first.bias is not None:
                other.bias.copy_(first.bias)
        parent, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(parent), leaf, other)
    return module


def from_file(where, channels, classes, kwargs):
    """What a function of a Python file makes; `where` is FILE:FUNCTION."""
    file, _, function = where.rpartition(":")
    spec = importlib.util.spec_from_file_location("net_to_export", file) if file else None
    if spec is None:
        raise Refused(f"{where!r} is no FILE.py:FUNCTION")
    source = importlib.util.module_from_spec(spec)
    # TorchScript looks functions up by the module they are from.
    sys.modules[spec.name] = source
    try:
        spec.loader.exec_module(source)
    except FileNotFoundError as error:
        raise Refused(f"there is no {file}") from error
    make = getattr(source, function, None)
    if not callable(make):
        raise Refused(f"{file} has no function {function}")
    module = make(channels=channels, classes=classes, **kwargs)
    if not isinstance(module, torch.nn.Module):
        raise Refused(f"{function} gives a {type(module).__name__}, not a torch.nn.Module")
    return module


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--torchvision", metavar="NAME", help="a function or class of torchvision.models")
    source.add_argument("--module", metavar="FILE.py:FUNCTION", help="a function that makes a torch.nn.Module")
    parser.add_argument("--classes", type=int, required=True, help="outputs of the net")
    parser.add_argument("--channels", type=int, default=3, help="1 for grey, 3 for colour (the default)")
    parser.add_argument("--kwargs", type=json.loads, default={}, help="more arguments of the function, as JSON")
    parser.add_argument("--seed", type=int, default=0, help="decides first weights that are drawn at random")
    parser.add_argument("--out", metavar="FILE.pt", required=True)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    try:
        make, name = (from_file, arguments.module)
        if arguments.torchvision:
            make, name = (from_torchvision, arguments.torchvision)
        module = make(name, arguments.channels, arguments.classes, arguments.kwargs)
        export(module, arguments.out)
    except Refused as refused:
        sys.exit(f"error: {refused}")
    count = sum(p.numel() for p in module.parameters() if p.requires_grad)
    print(f"{arguments.out}: {count} parameters, {os.path.getsize(arguments.out)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()

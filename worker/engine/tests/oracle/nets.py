"""Writes tests/golden/nets/NET.json: what torchvision's nets say to made-up weights and images.

Run by hand with torch 2.11.0 and torchvision 0.26.0: `python nets.py [NET ...]`. The tests need neither. Weights and images are
made from their names by a small generator that the tests have too, so that only results are kept.
"""

import json
import pathlib
import sys

import numpy
import torch
import torchvision

NETS = ["resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_b3", "shufflenet_v2_x1_0"]
CLASSES = 10
EVALUATED = [(2, 3, 32, 32), (2, 3, 4, 4), (2, 1, 48, 96)]
TRAINED = (4, 3, 48, 40)


def made_up(name, count):
    """Uniform in [-1, 1): FNV-1a of the name plus the index, through SplitMix64's finaliser."""
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = (start ^ byte) * 0x100000001B3 % 2**64
    z = numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15) + numpy.uint64(start)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    z ^= z >> numpy.uint64(31)
    return (z >> numpy.uint64(11)).astype(numpy.float64) / 2**53 * 2 - 1


def filled(name, shape):
    values = made_up(name, int(numpy.prod(shape)))
    if len(shape) > 1:
        values = values * numpy.sqrt(3 / numpy.prod(shape[1:]))
    elif name.endswith("running_var") or (name.endswith("weight")):
        values = 1 + values / 2
    else:
        values = values / 2
    return torch.from_numpy(values.astype(numpy.float32).reshape(shape))


def net(name, channels):
    net = getattr(torchvision.models, name)(num_classes=CLASSES)
    first_name, first = next((n, m) for n, m in net.named_modules() if isinstance(m, torch.nn.Conv2d))
    if channels != first.in_channels:
        parent, _, leaf = first_name.rpartition(".")
        other = torch.nn.Conv2d(
            channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=False
        )
        setattr(net.get_submodule(parent), leaf, other)
    for module in net.modules():
        # What is dropped is drawn by each side from its own generator.
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    for key, value in net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(filled(key, tuple(value.shape)))
    return net


def images(shape):
    return torch.from_numpy((made_up("images", int(numpy.prod(shape))) * numpy.sqrt(3)).astype(numpy.float32)).reshape(shape)


def gist(name, values):
    """Enough to tell two arrays apart: the mean, and the mean of the values times made-up factors."""
    values = values.double().numpy()
    return [float(values.mean()), float((values * made_up("gist of " + name, values.size)).mean())]


def start(values):
    """Mean, deviation and largest size of a variable's first values."""
    values = values.double()
    return [float(values.mean()), float(values.std(unbiased=False)), float(values.abs().max())]


@torch.no_grad()
def golden(name):
    torch.manual_seed(0)
    fresh = getattr(torchvision.models, name)(num_classes=CLASSES)
    whole = getattr(torchvision.models, name)()
    evaluated = [
        {"shape": shape, "logits": net(name, shape[1]).eval()(images(shape)).flatten().tolist()} for shape in EVALUATED
    ]
    trained = net(name, TRAINED[1]).train()
    logits = trained(images(TRAINED)).flatten().tolist()
    state = {k: v for k, v in trained.state_dict().items() if not k.endswith("num_batches_tracked")}
    return {
        "versions": [torch.__version__, torchvision.__version__],
        "parameters_of_1000_classes": sum(p.numel() for p in whole.parameters()),
        "classes": CLASSES,
        "variables": {k: list(v.shape) for k, v in state.items()},
        "starts": {k: start(v) for k, v in fresh.state_dict().items() if k in state},
        "evaluated": evaluated,
        "trained": {"shape": TRAINED, "logits": logits},
        "running": {k: gist(k, v) for k, v in state.items() if "running_" in k},
    }


def main():
    folder = pathlib.Path(__file__).parent.parent / "golden/nets"
    for name in sys.argv[1:] or NETS:
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden(name).items()]
        (folder / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

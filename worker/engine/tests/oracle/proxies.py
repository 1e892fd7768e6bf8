"""Writes tests/golden/proxies.json: what PyTorch says of untrained nets with made-up weights, images and labels.

Run by hand with torch 2.11.0 and torchvision 0.26.0: `python proxies.py`. The tests need neither. The scores are written down
from the authors' programs: Abdelfattah et al. (mohsaied/zero-cost-nas) for synflow and the gradient's norm, Mellor et al.
(BayesWatch/nas-without-training) for the Jacobian's covariance and for the binary codes. The nets of stages are written here
once more, with PyTorch's modules.
"""

import json
import pathlib

import numpy
import torch
from nets import filled, made_up, net
from torch import nn

SHAPE = (6, 3, 12, 10)
LABELS = [0, 1, 2, 3, 4, 0]
CLASSES = 10


def unit(name_in, name_out, side=1, stride=1, groups=1):
    conv = nn.Conv2d(name_in, name_out, side, stride, side // 2, groups=groups, bias=False)
    return nn.ModuleDict({"conv": conv, "norm": nn.BatchNorm2d(name_out)})


def through(unit, x):
    return unit["norm"](unit["conv"](x))


class Basic(nn.Module):
    def __init__(self, before, width, kernel, stride, first):
        super().__init__()
        self.first = unit(before, width, kernel, stride)
        self.second = unit(width, width, kernel)
        if first:
            self.shortcut = unit(before, width, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x):
        y = through(self.second, self.relu(through(self.first, x)))
        return self.relu(y + (through(self.shortcut, x) if hasattr(self, "shortcut") else x))


class Inverted(nn.Module):
    def __init__(self, before, width, kernel, stride, first, expansion):
        super().__init__()
        wide = before * expansion
        if expansion > 1:
            self.widen = unit(before, wide)
        self.each = unit(wide, wide, kernel, stride, wide)
        self.narrow = unit(wide, width)
        self.relu = nn.ReLU()
        self.sums = not first

    def forward(self, x):
        y = self.relu(through(self.widen, x)) if hasattr(self, "widen") else x
        y = through(self.narrow, self.relu(through(self.each, y)))
        return x + y if self.sums else y


class Staged(nn.Module):
    """Stages of (width, depth, kernel) or (width, depth, kernel, expansion)."""

    def __init__(self, stem, stages):
        super().__init__()
        self.stem = unit(SHAPE[1], stem, 3)
        self.relu = nn.ReLU()
        self.stages = nn.ModuleList()
        before = stem
        for number, (width, depth, kernel, *expansion) in enumerate(stages):
            blocks = []
            for block in range(depth):
                stride = 2 if number > 0 and block == 0 else 1
                kind = Inverted if expansion else Basic
                blocks.append(kind(before, width, kernel, stride, block == 0, *expansion))
                before = width
            self.stages.append(nn.ModuleList(blocks))
        if expansion:
            self.last = unit(before, before * expansion[0])
            before *= expansion[0]
        self.head = nn.Linear(before, CLASSES)

    def forward(self, x):
        x = self.relu(through(self.stem, x))
        for stage in self.stages:
            for block in stage:
                x = block(x)
        if hasattr(self, "last"):
            x = self.relu(through(self.last, x))
        return self.head(x.mean((2, 3)))


def staged(stem, stages):
    made = Staged(stem, stages)
    for key, value in made.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(filled(key, tuple(value.shape)))
    return made


def weights(module):
    return [m.weight for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def synflow(module):
    module = module.double().eval()
    for value in module.state_dict().values():
        value.abs_()
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
    module.zero_grad()
    module(torch.ones((1, *SHAPE[1:]), dtype=torch.float64)).sum().backward()
    return float(numpy.log(sum((w * w.grad).abs().sum().item() for w in weights(module))))


def grad_norm(module, images, labels):
    module.train().zero_grad()
    nn.functional.cross_entropy(module(images), labels).backward()
    return sum(w.grad.norm().item() for w in weights(module))


def jacobian_covariance(module, images):
    images = images.clone().requires_grad_(True)
    y = module.train()(images)
    y.backward(torch.ones_like(y))
    correlations = numpy.corrcoef(images.grad.reshape(len(images), -1).double().numpy())
    v = numpy.linalg.eigvalsh(correlations)
    return float(-numpy.sum(numpy.log(v + 1e-5) + 1 / (v + 1e-5)))


def naswot(module, images):
    kernel = numpy.zeros((len(images), len(images)))

    def hook(_module, _inputs, out):
        x = (out.reshape(len(images), -1) > 0).double().numpy()
        kernel[:] += x @ x.T + (1 - x) @ (1 - x).T

    for m in module.modules():
        if isinstance(m, nn.ReLU):
            m.register_forward_hook(hook)
    with torch.no_grad():
        module.train()(images)
    return float(numpy.linalg.slogdet(kernel)[1])


def resnet_like():
    stages = [(16, 2, 3), (24, 1, 5)]
    keys = ("width", "depth", "kernel")
    return {"name": "resnet_like", "stem": 16, "stages": [dict(zip(keys, s)) for s in stages]}, lambda: staged(16, stages)


def mobile_like():
    stages = [(6, 1, 3, 1), (8, 2, 5, 3)]
    keys = ("width", "depth", "kernel", "expansion")
    return {"name": "mobile_like", "stem": 4, "stages": [dict(zip(keys, s)) for s in stages]}, lambda: staged(4, stages)


def main():
    images = torch.from_numpy((made_up("images", int(numpy.prod(SHAPE))) * 3**0.5).astype(numpy.float32).reshape(SHAPE))
    labels = torch.tensor(LABELS)
    nets = [({"name": "resnet18"}, lambda: net("resnet18", SHAPE[1])), resnet_like(), mobile_like()]
    lines = []
    for spec, make in nets:
        found = {
            "net": spec,
            "synflow": synflow(make()),
            "grad_norm": grad_norm(make(), images, labels),
            "jacobian_covariance": jacobian_covariance(make(), images),
            "naswot": naswot(make(), images),
        }
        lines.append(json.dumps(found))
    path = pathlib.Path(__file__).parent.parent / "golden/proxies.json"
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        main()

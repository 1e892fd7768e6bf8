"""Writes tests/golden/scripts/: small nets as TorchScript files, and what Python says they compute.

Run by hand with torch 2.11.0 and torchvision 0.26.0: `python scripts.py`. The tests need neither.
"""

import copy
import io
import json
import pathlib
import sys

import torch
import torchvision

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent.parent / "export"))
import export_net  # noqa: E402

FOLDER = HERE.parent / "golden/scripts"
CLASSES = 3
RATE = 0.1
STEPS = 3


class Normed(torch.nn.Module):
    """Batch normalisation and dropout, for any size."""

    def __init__(self, dropout=0.5):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.bn = torch.nn.BatchNorm2d(6)
        self.drop = torch.nn.Dropout(dropout)
        self.fc = torch.nn.Linear(6, CLASSES)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        return self.fc(self.drop(x.mean((2, 3))))


class Flat(torch.nn.Module):
    """Bound to images of 8 × 8."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.fc(x.flatten(1))


class Replaces(torch.nn.Module):
    """Puts a new tensor in the place of its running mean."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(1, CLASSES)
        self.register_buffer("mean", torch.zeros(1))

    def forward(self, x):
        x = x.mean((2, 3))
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return self.fc(x - self.mean)


def swin():
    """All of a Swin transformer in little: windows that are shifted, places of relative positions, patches merged."""
    return torchvision.models.SwinTransformer(
        patch_size=[2, 2],
        embed_dim=16,
        depths=[2, 1],
        num_heads=[2, 2],
        window_size=[2, 2],
        stochastic_depth_prob=0.2,
        num_classes=CLASSES,
    )


def grey(net):
    first = net.features[0][0]
    net.features[0][0] = torch.nn.Conv2d(1, first.out_channels, first.kernel_size, first.stride)
    return net


def images(count, side):
    return torch.arange(count * side * side, dtype=torch.float32).sin().reshape(count, 1, side, side)


def floats(values):
    return [float(value) for value in values.flatten()]


def golden(net, sides):
    """Logits in evaluation, and losses and state of a few steps of plain SGD, nothing dropped."""
    net = undropped(net)
    result = {"evaluated": {}, "losses": [], "gradients": {}, "values": {}}
    with torch.no_grad():
        for side in sides:
            result["evaluated"][side] = floats(net.eval()(images(2, side)))
    net.train()
    labels = torch.arange(4) % CLASSES
    for step in range(STEPS):
        net.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(images(4, sides[-1])), labels)
        loss.backward()
        result["losses"].append(loss.item())
        for name, parameter in net.named_parameters():
            if step == 0:
                result["gradients"][name] = float(parameter.grad.double().abs().sum())
            parameter.data -= RATE * parameter.grad
    for name, value in net.state_dict().items():
        if value.dtype == torch.float32:
            result["values"][name] = float(value.double().abs().sum())
    return result


def undropped(net):
    net = copy.deepcopy(net)
    for part in net.modules():
        if isinstance(part, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            part.p = 0.0
    return net


def write(name, net):
    torch.manual_seed(0)
    export_net.export(net, FOLDER / f"{name}.pt")


def write_raw(name, script):
    """Without what the export script does."""
    saved = io.BytesIO()
    torch.jit.save(script, saved)
    (FOLDER / f"{name}.pt").write_bytes(export_net.without_places(saved.getvalue()))


def marked(net):
    """Made to look like what the export script writes."""
    script = torch.jit.script(net)
    if not script._c._has_method("imgcalc_export"):
        script.define("def imgcalc_export(self) -> int:\n    return 1\n")
    return script


def main():
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(0)
    nets = {"normed": (Normed(), [5, 8]), "swin": (grey(swin()), [6, 8]), "flat": (Flat(), [8])}
    for name, (net, sides) in nets.items():
        write(name, net)
        if name != "flat":
            write(f"{name}_undropped", undropped(net))
        text = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden(net, sides).items()]
        (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(text) + "\n}\n")
    write("replaces", Replaces())
    write_raw("bad_traced", torch.jit.trace(Normed().eval(), images(2, 8)))
    write_raw("bad_buffers", torch.jit.script(Normed()))
    write_raw("bad_half", marked(Flat().half()))
    write_raw("bad_shared", marked(shared()))
    write_raw("bad_none", marked(torch.nn.Flatten()))


def shared():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.Linear(64, 64))
    net[1].weight = net[2].weight
    return net


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

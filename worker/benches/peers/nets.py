"""The nets as torchvision has them, with the first layer for the input's channels, and the small one that it lacks."""

import torch
from torch import nn
from torchvision import models

PUBLISHED = {
    "resnet18": models.resnet18,
    "resnet50": models.resnet50,
    "mobilenet_v3_small": models.mobilenet_v3_small,
    "efficientnet_b3": models.efficientnet_b3,
    "shufflenet_v2_x1_0": models.shufflenet_v2_x1_0,
}


def build(net, channels, classes):
    """A net by its description in a spec, with fresh weights."""
    if net["name"] == "small_resnet":
        return SmallResnet(net["width"], net["blocks"], channels, classes)
    made = PUBLISHED[net["name"]](num_classes=classes)
    if channels != 3:
        replace_first(made, channels)
    return made


def replace_first(module, channels):
    """Puts a convolution for so many channels in the place of the first one."""
    name, first = next((name, part) for name, part in module.named_modules() if isinstance(part, nn.Conv2d))
    parent, _, last = name.rpartition(".")
    other = nn.Conv2d(
        channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None
    )
    setattr(module.get_submodule(parent), last, other)


def conv(inputs, outputs, side, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = conv(inputs, outputs, 3, stride)
        self.second = conv(outputs, outputs, 3, 1)
        self.shortcut = conv(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.second(self.relu(self.first(x))).add_(self.shortcut(x)))


class SmallResnet(nn.Module):
    """The net of shared/src/net/small_resnet.rs."""

    def __init__(self, width, blocks, channels, classes):
        super().__init__()
        self.stem = nn.Sequential(conv(channels, width, 3, 1), nn.ReLU(inplace=True))
        stages, inputs = [], width
        for stage, count in enumerate(blocks):
            for block in range(count):
                outputs = width << stage
                stages.append(Block(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
                inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


def parameters(net):
    return sum(part.numel() for part in net.parameters())


def optimizer(net, hyper, **how):
    return torch.optim.SGD(
        net.parameters(),
        lr=hyper["learning_rate"],
        momentum=hyper["momentum"],
        weight_decay=hyper["weight_decay"],
        **how,
    )

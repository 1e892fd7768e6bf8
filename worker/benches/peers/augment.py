"""The nine augmentations on pixels, by torchvision's transforms, before a block DCT of what comes out.

A transform of torchvision draws once for all images it is given, so each is measured in both ways that leaves: one draw
an image, which is what training wants and ours does, and one draw for the whole batch.
"""

import math
import time

import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

import train

BLOCK = 8
SIDE = 64


class RightTurn(torch.nn.Module):
    """A turn by 90, 180 or 270 degrees with this probability."""

    def __init__(self, probability):
        super().__init__()
        self.probability = probability

    def forward(self, images):
        if torch.rand(()) >= self.probability:
            return images
        return functional.rotate(images, 90.0 * int(torch.randint(1, 4, ())))


# What is nearest to each of ours, at its strength.
TRANSFORMS = {
    "horizontal_flip": v2.RandomHorizontalFlip,
    "vertical_flip": v2.RandomVerticalFlip,
    "rotation": RightTurn,
    "crop": lambda s: v2.RandomResizedCrop(SIDE, scale=(1 - s, 1.0), ratio=(1.0, 1.0), antialias=True),
    "translation": lambda s: v2.RandomAffine(0, translate=(s, s)),
    "cutout": lambda s: v2.RandomErasing(p=1.0, scale=(s * s, s * s), ratio=(1.0, 1.0)),
    "brightness": lambda s: v2.ColorJitter(brightness=s),
    "contrast": lambda s: v2.ColorJitter(contrast=s),
    "chroma": lambda s: v2.ColorJitter(saturation=s),
}


def dct_matrix(n):
    """The orthonormal DCT-II."""
    k, x = torch.arange(n).double()[:, None], torch.arange(n).double()[None, :]
    matrix = torch.cos(math.pi * (2 * x + 1) * k / (2 * n)) * math.sqrt(2 / n)
    matrix[0] /= math.sqrt(2)
    return matrix.float()


def block_dct(images, matrix):
    """All blocks of a batch, by one product with the Kronecker square of the one-dimensional transform."""
    n, c, h, w = images.shape
    blocks = images.view(n, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK).permute(0, 1, 2, 4, 3, 5)
    done = blocks.reshape(-1, BLOCK * BLOCK) @ matrix
    return done.view(blocks.shape).permute(0, 1, 2, 4, 3, 5).reshape(n, c, h, w)


def measure(name, strength, batch, seconds):
    """Images a second: one draw an image with DCT, one draw a batch with DCT, one draw a batch without."""
    transform = TRANSFORMS[name](strength)
    images = torch.rand(batch, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).to(train.DEVICE)
    matrix = torch.kron(dct_matrix(BLOCK), dct_matrix(BLOCK)).T.contiguous().to(train.DEVICE)
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(2)).to(train.DEVICE)

    def gathered():
        return images.index_select(0, order)

    ways = {
        "each": lambda: block_dct(torch.stack([transform(image) for image in gathered()]), matrix),
        "batch": lambda: block_dct(transform(gathered()).contiguous(), matrix),
        "plain": lambda: transform(gathered()),
    }
    return {way: batch / median_seconds(work, seconds) for way, work in ways.items()}


def median_seconds(work, budget):
    """Of one call, on a device that is waited for."""
    with torch.inference_mode():
        for _ in range(3):
            work()
        times, begin = [], time.perf_counter()
        while len(times) < 5 or time.perf_counter() - begin < budget:
            train.synchronize()
            start = time.perf_counter()
            work()
            train.synchronize()
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]

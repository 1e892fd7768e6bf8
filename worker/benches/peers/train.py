"""Training in PyTorch as its users write it, on images that lie in memory already: no loader, no decoding, no copies."""

import math
import time

import torch
from torch import nn

import nets

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# Steps between two looks at the loss at most, as ours has it: each waits for the device.
STEPS_UNSEEN_MAX = 16

loss_of = nn.CrossEntropyLoss()


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


class Training:
    """A net with its optimiser, the rate of each step along half a cosine."""

    def __init__(self, net, channels, classes, hyper, steps):
        self.net = nets.build(net, channels, classes).to(DEVICE).train()
        # The fastest of PyTorch's own: one call for all parameters.
        self.optimizer = nets.optimizer(self.net, hyper, fused=True)
        self.rate, self.done, self.steps = hyper["learning_rate"], 0, steps
        self.losses = []

    def step(self, images, labels):
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * 0.5 * (1 + math.cos(math.pi * self.done / self.steps))
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.net(images), labels)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.detach())
        self.done += 1

    def look(self):
        """Waits for the losses; a training that diverged is no measure."""
        total = sum(loss.item() for loss in self.losses)
        assert math.isfinite(total), "the loss is no number"
        self.losses.clear()


_resident = {}


def images_of(shape, classes, count):
    """Standardised images in memory; made up, for no operation takes longer over other numbers."""
    key = (*shape, classes, count)
    if key not in _resident:
        generator = torch.Generator().manual_seed(1)
        images = torch.randn(count, *shape, generator=generator).to(DEVICE)
        labels = torch.randint(0, classes, (count,), generator=generator).to(DEVICE)
        # Of the shape before the memory is free again.
        _resident.clear()
        _resident[key] = images, labels
    return _resident[key]


def resident(net, shape, classes, count, hyper):
    """Images a second over all epochs of a training; the order is drawn between them, outside the clock, as in ours."""
    images, labels = images_of(shape, classes, count)
    steps = max(1, min(-(-count // hyper["batch_size"]), count // 2))
    every = min(max(steps // 8, 1), STEPS_UNSEEN_MAX)
    training = Training(net, shape[0], classes, hyper, hyper["epochs"] * steps)
    generator = torch.Generator().manual_seed(hyper["seed"])
    seconds = 0.0
    synchronize()
    for _ in range(hyper["epochs"]):
        order = torch.randperm(count, generator=generator).to(DEVICE)
        start = time.perf_counter()
        for step in range(1, steps + 1):
            batch = order[count * (step - 1) // steps : count * step // steps]
            training.step(images.index_select(0, batch), labels.index_select(0, batch))
            if step % every == 0 or step == steps:
                training.look()
        seconds += time.perf_counter() - start
    return {
        "images_per_second": hyper["epochs"] * count / seconds,
        "parameters": nets.parameters(training.net),
    }

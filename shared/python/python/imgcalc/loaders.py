"""Datasets as PyTorch's loaders want them. Imported only by `Dataset.torch`: all else works without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

if TYPE_CHECKING:
    from . import dataset

Transform = Callable[[Any], Any]


class Indexed(Dataset[Any]):
    """Map-style: image by number."""

    def __init__(self, source: dataset.Dataset, transform: Transform | None) -> None:
        self.source = source
        self.transform = transform

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        planes, label = self.source[index]
        tensor = torch.from_numpy(planes)
        return (tensor if self.transform is None else self.transform(tensor)), label


class Stream(IterableDataset[Any]):
    """Row group by row group, shared out among the workers of a loader."""

    def __init__(
        self,
        source: dataset.Dataset,
        shuffle: bool,
        seed: int | None,
        batch_size: int | None,
        buffer: int,
        shard: tuple[int, int],
        transform: Transform | None,
    ) -> None:
        index, count = shard
        if not 0 <= index < count:
            raise ValueError(f"shard {index} of {count}")
        if shuffle and seed is None and count > 1:
            raise ValueError("every shard must shuffle alike: give them all the same seed")
        if buffer < 1 or (batch_size is not None and batch_size < 1):
            raise ValueError("buffer and batch_size are at least 1")
        self.source = source
        self.shuffle = shuffle
        self.seed = seed
        self.batch_size = batch_size
        self.buffer = buffer if shuffle else 1
        self.shard = shard
        self.transform = transform
        # Shared with the workers of a loader, which may live longer than an epoch.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """With a seed, epochs of different numbers have different orders."""
        self._epoch[0] = epoch

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        items = self._images()
        return self._one_by_one(items) if self.batch_size is None else self._batches(items, self.batch_size)

    def _one_by_one(self, items: Iterator[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
        for planes, label in items:
            yield self._transformed(torch.from_numpy(planes.copy())), label

    def _batches(self, items: Iterator[tuple[Any, int]], size: int) -> Iterator[tuple[Any, Any]]:
        planes, labels = [], []
        for image, label in items:
            planes.append(image)
            labels.append(label)
            if len(planes) == size:
                yield self._batch(planes, labels)
                planes, labels = [], []
        if planes:
            yield self._batch(planes, labels)

    def _batch(self, planes: list[Any], labels: list[int]) -> tuple[Any, Any]:
        return self._transformed(torch.from_numpy(np.stack(planes))), torch.tensor(labels)

    def _transformed(self, tensor: Any) -> Any:
        return tensor if self.transform is None else self.transform(tensor)

    def _images(self) -> Iterator[tuple[Any, int]]:
        """Views of the planes of this worker's images, and their labels."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        seed = self._seed_now(info)
        order = np.arange(self.source.row_group_count)
        if self.shuffle:
            # The same in every worker and every shard, so that each row group is read by exactly one.
            np.random.default_rng([seed, 0]).shuffle(order)
        index, count = self.shard
        mine = order[index * workers + worker :: count * workers].tolist()
        # Of its own: where the next images are taken from must not depend on how they are shared out before.
        dice = np.random.default_rng([seed, 1, index, worker])
        window: list[tuple[Any, Any]] = []
        for group in self.source.row_groups(mine):
            window.append(group)
            if len(window) == self.buffer:
                yield from self._of_window(window, dice)
                window = []
        yield from self._of_window(window, dice)

    def _of_window(self, window: list[tuple[Any, Any]], dice: np.random.Generator) -> Iterator[tuple[Any, int]]:
        places = [(group, row) for group, (_, labels) in enumerate(window) for row in range(len(labels))]
        order = dice.permutation(len(places)) if self.shuffle else np.arange(len(places))
        for place in order.tolist():
            group, row = places[place]
            planes, labels = window[group]
            yield planes[row], int(labels[row])

    def _seed_now(self, info: Any) -> int:
        if not self.shuffle:
            return 0
        if self.seed is not None:
            # One number of two, each of any size.
            words = [self.seed % (1 << 64), int(self._epoch[0])]
            return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
        if info is not None:
            # What the loader draws for each epoch; workers get it with their number added.
            return (info.seed - info.id) % (1 << 64)
        return int(torch.empty((), dtype=torch.int64).random_()) % (1 << 64)

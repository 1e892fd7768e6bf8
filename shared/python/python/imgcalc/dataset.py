"""A split of a dataset in one format."""

from __future__ import annotations

import operator
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from . import _imgcalc
from ._imgcalc import DataError, Format, Manifest
from .base import Base, open_base
from .columns import Columns, Planes, named
from .image import as_format

Labels = npt.NDArray[np.int64]
Item = TypeVar("Item")
Made = TypeVar("Made")

SPLITS = ("train", "validation", "test")
#: Decoded row groups that `ds[i]` keeps, in bytes, unless a dataset says otherwise.
CACHE_BYTES_MAX = 1 << 30


class Dataset:
    """A split of a dataset in one format: planes and labels, read from columns by whole row groups.

    >>> ds = imgcalc.Dataset("file:///data/imgcalc", "photos", format="1x1-b32-k8-q50")
    >>> planes, label = ds[0]                        # int16 of ds.shape, int
    >>> planes, labels = ds.arrays()                 # all: int16 of (len(ds), *ds.shape), int64 of (len(ds),)
    >>> for planes, labels in ds.row_groups(): ...   # the same a thousand images at a time

    `base` is `file:///folder`, `s3://place/prefix` or a `pathlib.Path`; `name` a dataset's name or digest, which may
    be left out where the base holds one dataset only; `split` one of train, validation and test. The first `images`
    of a split are a fair sample of it; `images="stored"` takes as many as there are columns for: a build makes those
    of the images it trains on. `ds[i]` decodes a whole row group and keeps as many as fit into `cache_bytes`.

    Raises :class:`DataError` if something is not there or damaged, and :class:`StorageError` if a base does not answer.
    """

    def __init__(
        self,
        base: str | os.PathLike[str] | Base,
        name: str | None = None,
        *,
        format: Format | str,
        split: str = "train",
        images: int | Literal["stored"] | None = None,
        cache_bytes: int = CACHE_BYTES_MAX,
    ) -> None:
        self.base = open_base(base)
        self.format = as_format(format)
        self.split = split
        self._manifest = find(self.base, name)
        #: Channels, rows and columns of one image's planes.
        self.shape: tuple[int, int, int] = self.format.shape(*self._manifest.size, self._manifest.channels)
        self._first, count = _run(self._manifest, split)
        self._count = count if images is None or images == "stored" else min(count, operator.index(images))
        if self._count < 1:
            wanted = "" if images is None else f", {images} are asked for"
            raise DataError(f"the {split} split of {self.name} in {self.base.url} has {count} images{wanted}")
        groups = self._groups()
        self._columns = Columns(self.base, self._manifest, self.format, groups, images != "stored")
        self._count = min(self._count, self._columns.groups.stop * self._manifest.row_group - self._first)
        #: Class names; a label is an index into them.
        self.classes: tuple[str, ...] = tuple(self._manifest.classes)
        #: int64, one for each image.
        self.labels: Labels = self._labels()
        self._cache = _Cache(cache_bytes)

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self._manifest.name

    @property
    def digest(self) -> str:
        """Digest of the dataset's contents."""
        return self._manifest.digest

    @property
    def image_size(self) -> tuple[int, int]:
        """Rows and columns of every image in pixels."""
        return self._manifest.size

    @property
    def stored(self) -> Format:
        """As which format the columns are stored that are read: a larger keep serves too, and undivided values."""
        return self._columns.stored

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Planes, int]:
        """The planes of an image, int16 of `shape`, and its label."""
        place = operator.index(index)
        if not -self._count <= place < self._count:
            raise IndexError(f"image {place} of {self._count}")
        place %= self._count
        group, row = divmod(self._first + place, self._manifest.row_group)
        planes = self._cache.get(group, self._columns.planes)
        return planes[row].copy(), int(self.labels[place])

    def __iter__(self) -> Iterator[tuple[Planes, int]]:
        for planes, labels in self.row_groups():
            yield from zip(planes, labels.tolist())

    def row_groups(self, order: Iterable[int] | None = None, *, ahead: int = 1) -> Iterator[tuple[Planes, Labels]]:
        """Planes, int16 of (images, *shape), and labels of one row group after the other.

        `order` names them by their place in the split, 0 to `row_group_count` - 1. While one is used, `ahead` further
        ones are read and decoded by threads of their own; as many are in memory. Nothing is cached.
        """
        groups = self._groups()
        wanted = groups if order is None else [groups[place] for place in order]
        return _ahead(self._part, wanted, ahead)

    @property
    def row_group_count(self) -> int:
        """Row groups that hold the split; the first and the last may be shared with other splits."""
        return len(self._groups())

    def arrays(self, *, threads: int | None = None) -> tuple[Planes, Labels]:
        """The whole split: planes, int16 of (len, *shape), and labels, int64 of (len,)."""
        planes = np.empty((self._count, *self.shape), np.int16)

        def fill(group: int) -> None:
            start, end = self._images(group)
            planes[start:end] = self._part(group)[0]

        threads = threads if threads is not None else min(os.cpu_count() or 1, 16)
        for _ in _ahead(fill, self._groups(), threads):
            pass
        return planes, self.labels.copy()

    def torch(
        self,
        *,
        iterable: bool = False,
        shuffle: bool = False,
        seed: int | None = None,
        batch_size: int | None = None,
        buffer: int = 4,
        shard: tuple[int, int] = (0, 1),
        transform: Callable[[Any], Any] | None = None,
    ) -> Any:
        """The split for PyTorch's `DataLoader`: a `torch.utils.data.Dataset` of (int16 tensor of `shape`, label).

        It is map-style, for splits whose planes fit into memory (`cache_bytes`, in each worker of the loader).
        With `iterable` it is an `IterableDataset` that reads each row group once, in one request, and shares them out
        among the loader's workers. With `shuffle` their order, and that of the images of `buffer` row groups at a time,
        follows from `seed` and `set_epoch(n)`; without a seed it is drawn from torch's generator for each epoch.
        With `batch_size` it yields whole batches, for a loader with `batch_size=None`; the last of each worker may be
        smaller. Of `shard=(i, n)` it yields the i-th of n parts, for training on n machines. `transform` is called with
        each image's tensor, or each batch's.
        """
        from . import loaders

        if iterable:
            return loaders.Stream(self, shuffle, seed, batch_size, buffer, shard, transform)
        if shuffle or batch_size is not None or seed is not None or shard != (0, 1):
            raise ValueError("of a map-style dataset the loader shuffles, batches and shares out; or use iterable=True")
        return loaders.Indexed(self, transform)

    def __repr__(self) -> str:
        shape = " x ".join(str(side) for side in self.shape)
        return f"<imgcalc.Dataset {self.name} {self.split} {self.format}: {self._count} of {shape}>"

    def _part(self, group: int) -> tuple[Planes, Labels]:
        start, end = self._images(group)
        offset = self._first - group * self._manifest.row_group
        return self._columns.planes(group)[start + offset : end + offset], self.labels[start:end]

    def _groups(self) -> range:
        each = self._manifest.row_group
        return range(self._first // each, (self._first + self._count - 1) // each + 1)

    def _images(self, group: int) -> tuple[int, int]:
        """Of the split's images, those of a row group."""
        each = self._manifest.row_group
        first = group * each - self._first
        return max(first, 0), min(first + each, self._count)

    def _labels(self) -> Labels:
        key = self._manifest.labels_key
        with named(f"the labels {key} in {self.base.url} are damaged"):
            labels = self._manifest.labels(self.base.get_range(key, 0, self._manifest.labels_bytes))
        return labels[self._first : self._first + self._count].copy()


def find(base: Base, name: str | None) -> Manifest:
    """The manifest of the dataset of this name or digest; without one, of the only dataset there is."""
    if name is None:
        name = _only_name(base)
    if len(name) == 64 and all(digit in "0123456789abcdef" for digit in name):
        digest = name
    else:
        key = _imgcalc.name_key(name)
        known = _names(base)
        if name not in known:
            raise DataError(f"there is no dataset {name} in {base.url}: {_listed(known)}")
        with named(f"the name {key} in {base.url} is damaged"):
            digest = _imgcalc.named_digest(base.get(key))
    key = _imgcalc.manifest_key(digest)
    found = base.get(key)
    with named(f"the manifest {key} in {base.url} is damaged"):
        manifest = Manifest(found.tobytes())
        if manifest.digest != digest:
            raise DataError(f"it is that of dataset {manifest.digest}")
    return manifest


def _only_name(base: Base) -> str:
    names = _names(base)
    if len(names) != 1:
        raise DataError(f"say which dataset of {base.url} is meant: {_listed(names)}")
    return names[0]


def _names(base: Base) -> list[str]:
    folder = _imgcalc.name_key("")
    return sorted(key.removeprefix(folder) for key in base.list(folder))


def _listed(names: list[str]) -> str:
    return f"it holds {', '.join(names)}" if names else "it holds none; make one with `imgcalc data import`"


def _run(manifest: Manifest, split: str) -> tuple[int, int]:
    """First image and number of images of a split."""
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split; it is one of {', '.join(SPLITS)}")
    place = SPLITS.index(split)
    return sum(manifest.splits[:place]), manifest.splits[place]


def _ahead(work: Callable[[Item], Made], items: Iterable[Item], ahead: int) -> Iterator[Made]:
    """`work` of each item in order, done by threads for so many items ahead of the one that is used."""
    if ahead < 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(ahead, thread_name_prefix="imgcalc") as pool:
        waiting: deque[Any] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Cache:
    """The row groups that were used last, as many as fit, and at least one."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[int, Planes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, group: int, make: Callable[[int], Planes]) -> Planes:
        with self._lock:
            if group in self._kept:
                self._kept.move_to_end(group)
                return self._kept[group]
            planes = make(group)
            self._kept[group] = planes
            self._bytes += planes.nbytes
            while self._bytes > self._bytes_max and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
            return planes

    def __reduce__(self) -> tuple[Any, ...]:
        return _Cache, (self._bytes_max,)

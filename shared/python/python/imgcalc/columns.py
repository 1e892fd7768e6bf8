"""The columns of one dataset that serve one format: which objects they are, and their planes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from ._imgcalc import DataError, Footer, Format, Manifest
from .base import Base, Bytes

#: int16, images x channels x rows x columns.
Planes = npt.NDArray[np.int16]


class Columns:
    """Column objects of a format, a row group each. One request reads a footer, one the planes; footers are kept."""

    def __init__(self, base: Base, manifest: Manifest, format: Format, groups: range, all_of_them: bool) -> None:
        """Of `groups` all, or else the first ones as far as there are columns of them."""
        self._base = base
        self._manifest = manifest
        self._format = format
        self._folder = f"columns/{manifest.digest}"
        there = base.list(self._folder)
        #: The smallest stored keep that serves the format in the most row groups.
        self.stored_keep, count = self._choose(there, groups)
        if count == 0 or (all_of_them and count < len(groups)):
            raise self._lacking(there, groups[:count])
        #: Row groups that can be read.
        self.groups = groups[:count]
        keys = {group: self._key(self.stored_keep, group) for group in self.groups}
        #: Key and length of each object.
        self._objects = {group: (key, there[key]) for group, key in keys.items()}
        self._footers: dict[int, Footer] = {}

    def planes(self, group: int) -> Planes:
        """All images of a row group."""
        key, length = self._objects[group]
        with named(f"the columns {key} in {self._base.url} are damaged"):
            footer, tail, tail_start = self._footer(group, key, length)
            end = footer.prefix(self._format.keep)
            # The end that was read for the footer may hold a small object as a whole.
            if tail is None or tail_start > 0:
                tail = self._base.get_range(key, 0, end)
            return footer.planes(tail, self._format)

    def _footer(self, group: int, key: str, length: int) -> tuple[Footer, Bytes | None, int]:
        """The footer, and what was read for it with the place of its first byte."""
        known = self._footers.get(group)
        if known is not None:
            return known, None, 0
        tail, start = np.empty(0, np.uint8), length
        step = Footer.read(length, tail)
        while not isinstance(step, Footer):
            start, end = step
            tail = self._base.get_range(key, start, end)
            step = Footer.read(length, tail)
        step.check(self._manifest, self._format, self.stored_keep, group)
        self._footers[group] = step
        return step, tail, start

    def _choose(self, there: dict[str, int], groups: range) -> tuple[int, int]:
        """The stored keep, and how many row groups from the first one on it serves."""
        best = (self._format.keep, 0)
        for stored in range(self._format.keep, 2 * self._format.block):
            present = (self._key(stored, group) in there for group in groups)
            count = sum(1 for _ in takewhile(bool, present))
            if count > best[1]:
                best = (stored, count)
        return best

    def _lacking(self, there: dict[str, int], served: range) -> DataError:
        format, url = self._format, self._base.url
        what = f"there are no columns of {format.family} with keep {format.keep} or more"
        if served:
            key = self._key(self.stored_keep, served.stop)
            return DataError(
                f"{what} for all of these images: {key} is not in {url}; "
                f'with images="stored" the split ends where the columns do'
            )
        families = {match[1] for key in there if (match := re.fullmatch(r"columns/[^/]+/([^/]+)/[^/]+", key))}
        known = f"it holds {', '.join(sorted(families))}" if families else "it holds none of this dataset"
        return DataError(f"{what} for these images in {self._folder} in {url}: {known}")

    def _key(self, stored_keep: int, group: int) -> str:
        return self._manifest.columns_key(self._format, stored_keep, group)

    def __getstate__(self) -> dict[str, object]:
        # Footers are read again where they are needed.
        return {**self.__dict__, "_footers": {}}


@contextmanager
def named(what: str) -> Iterator[None]:
    """Errors say of what they are."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{what}: {error}") from None

"""The columns of one dataset that serve one format: which objects they are, and their planes."""

from __future__ import annotations

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
        there = base.list(manifest.columns_folder)
        #: As which format the columns are stored that are read.
        self.stored, count = self._choose(there, groups)
        if count == 0 or (all_of_them and count < len(groups)):
            raise self._lacking(there, groups[:count])
        #: Row groups that can be read.
        self.groups = groups[:count]
        keys = {group: manifest.columns_key(self.stored, group) for group in self.groups}
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
        step.check(self._manifest, self.stored, group)
        self._footers[group] = step
        return step, tail, start

    def _choose(self, there: dict[str, int], groups: range) -> tuple[Format, int]:
        """The stored format that serves the most row groups, from the first one on, and how many these are.

        Of several that one with the fewest bytes: divided before undivided ones, then the smallest keep.
        """
        format = self._format
        parsed = (self._manifest.parse_columns_key(key) for key in there)
        serving = {stored for stored, _ in filter(None, parsed) if stored.serves(format)}
        best = (format, 0)
        for stored in sorted(serving, key=lambda stored: (stored.quant != format.quant, stored.keep)):
            present = (self._manifest.columns_key(stored, group) in there for group in groups)
            count = sum(1 for _ in takewhile(bool, present))
            if count > best[1]:
                best = (stored, count)
        return best

    def _lacking(self, there: dict[str, int], served: range) -> DataError:
        format, url = self._format, self._base.url
        wanted = f"keep {format.keep} or more, divided by {format.quant} or undivided,"
        what = f"there are no columns of {format.family} with {wanted}"
        if served:
            key = self._manifest.columns_key(self.stored, served.stop)
            return DataError(
                f"{what} for all of these images: {key} is not in {url}; "
                f'with images="stored" the split ends where the columns do'
            )
        parsed = filter(None, map(self._manifest.parse_columns_key, there))
        known = ", ".join(sorted({str(stored) for stored, _ in parsed}))
        listed = f"it holds {known}" if known else "it holds none of this dataset"
        return DataError(f"{what} for these images in {self._manifest.columns_folder} in {url}: {listed}")

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

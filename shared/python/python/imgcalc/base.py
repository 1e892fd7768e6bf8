"""Where datasets lie: a folder or a place in an object store, read by ranges."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import numpy.typing as npt

from ._imgcalc import DataError

Bytes = npt.NDArray[np.uint8]


class StorageError(OSError):
    """A base that cannot be reached, or does not answer; the message names it. Trying again may help."""


class Base:
    """A location that holds objects under keys. Forked, pickled and used by several threads at will."""

    def __init__(self, url: str) -> None:
        self.url = url
        #: Read requests so far, and the bytes they moved.
        self.requests = 0
        self.bytes_read = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Bytes:
        """A whole object."""
        return self._counted(self._get(_checked(key)))

    def get_range(self, key: str, start: int, end: int) -> Bytes:
        """The bytes from `start` to before `end` of an object that has them."""
        found = self._counted(self._get_range(_checked(key), start, end))
        if len(found) != end - start:
            raise DataError(f"{key} in {self.url} is truncated: it has no {end} bytes")
        return found

    def list(self, folder: str) -> dict[str, int]:
        """Keys below a folder and the lengths of their objects."""
        return self._list(_checked(folder.rstrip("/")))

    def _get(self, key: str) -> Bytes:
        raise NotImplementedError

    def _get_range(self, key: str, start: int, end: int) -> Bytes:
        raise NotImplementedError

    def _list(self, folder: str) -> dict[str, int]:
        raise NotImplementedError

    def _missing(self, key: str) -> DataError:
        return DataError(f"there is no {key} in {self.url}")

    def _counted(self, found: Bytes) -> Bytes:
        with self._lock:
            self.requests += 1
            self.bytes_read += len(found)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return open_base, (self.url,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


class Folder(Base):
    """A base on a disk."""

    def __init__(self, url: str, path: str) -> None:
        super().__init__(url)
        self._path = path
        if not os.path.isdir(path):
            raise StorageError(f"the base {url} cannot be opened: there is no folder {path}")

    def _get(self, key: str) -> Bytes:
        return self._read(key, 0, None)

    def _get_range(self, key: str, start: int, end: int) -> Bytes:
        return self._read(key, start, end)

    def _read(self, key: str, start: int, end: int | None) -> Bytes:
        # Opened for each read: an open file would be shared with forked processes, and its position with it.
        try:
            with open(os.path.join(self._path, key), "rb", buffering=0) as file:
                length = os.fstat(file.fileno()).st_size
                end = length if end is None else min(end, length)
                found = np.empty(max(end - start, 0), np.uint8)
                file.seek(start)
                filled = 0
                while filled < len(found):
                    more = file.readinto(found.data[filled:])
                    if not more:
                        break
                    filled += more
                return found[:filled]
        except FileNotFoundError:
            raise self._missing(key) from None
        except OSError as error:
            raise StorageError(f"cannot read {key} in {self.url}: {error}") from error

    def _list(self, folder: str) -> dict[str, int]:
        root, found = Path(self._path), {}
        for at, _, names in os.walk(root / folder):
            for name in names:
                # What is being written carries a `#`, which no key has.
                if "#" not in name:
                    path = Path(at, name)
                    found[path.relative_to(root).as_posix()] = path.stat().st_size
        return found


def open_base(base: str | os.PathLike[str] | Base) -> Base:
    """Opens `file:///folder`, a `pathlib.Path`, or `s3://place/prefix`.

    An object store takes its settings from the same `AWS_*` environment variables as the workers do, and needs the
    extra `imgcalc[s3]`.
    """
    if isinstance(base, Base):
        return base
    if isinstance(base, os.PathLike):
        base = Path(base).absolute().as_uri()
    parts = urlsplit(base)
    if parts.scheme == "s3":
        from .s3 import Store

        return Store(base.rstrip("/"), parts.netloc, parts.path.strip("/"))
    if parts.scheme == "file" and base.startswith("file:///"):
        return Folder(base.rstrip("/"), url2pathname(parts.path))
    raise StorageError(f"{base!r} is no base; write file:///folder or s3://place/prefix")


def _checked(key: str) -> str:
    """Keys come from manifests too: one that would leave the base is refused."""
    if any(part in ("", ".", "..") for part in key.split("/")) or "\\" in key or "\0" in key:
        raise DataError(f"{key!r} is no key of a base")
    return key

"""Single images: the `.ic` files of deployed applications."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _imgcalc
from ._imgcalc import Format


class Image(NamedTuple):
    """What an `.ic` file holds."""

    #: int16, channels x rows x columns, of the image padded to whole blocks.
    planes: npt.NDArray[np.int16]
    format: Format
    #: Rows and columns of the image before it was padded.
    size: tuple[int, int]


def decode(data: Any) -> Image:
    """The planes of an `.ic` file, given as `bytes` or anything else that lies in memory like them.

    They are the values a dataset has for this image, int16 of channels x rows x columns.
    Raises :class:`DataError` if the bytes are damaged or something else.
    """
    return Image(*_imgcalc.decode(_bytes(data)))


def decode_image(data: Any) -> npt.NDArray[np.uint8]:
    """The pixels of an `.ic` file to look at: uint8, rows x columns x 3 (RGB), or rows x columns if it is grey.

    Raises :class:`DataError` if the bytes are damaged or something else.
    """
    pixels = _imgcalc.decode_image(_bytes(data))
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def encode(image: npt.ArrayLike, format: Format | str) -> bytes:
    """The `.ic` file of an image in a format.

    `image` is uint8, rows x columns x 3 (RGB) or rows x columns (grey). One that blocks do not tile is padded by its
    last row and column. Raises :class:`DataError` for a shape no format has.
    """
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        raise TypeError(f"an image has uint8 values, these are {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.ndim != 3:
        raise TypeError(f"an image is rows x columns or rows x columns x 3, this has shape {pixels.shape}")
    return _imgcalc.encode(np.ascontiguousarray(pixels), as_format(format))


def as_format(format: Format | str) -> Format:
    """A format, also of its text."""
    return format if isinstance(format, Format) else Format(format)


def _bytes(data: Any) -> npt.NDArray[np.uint8]:
    view = memoryview(data)
    return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)

"""Image Calculator's columns and single images as NumPy arrays and PyTorch datasets.

An image is seen as *planes*: an int16 array of channels x rows x columns that holds the kept coefficients of every
block, quantised; channels are Y, Cb and Cr, or grey alone. See :class:`Format` for their shape.
"""

from ._imgcalc import DataError, Format
from .base import Base, StorageError, open_base
from .dataset import Dataset
from .image import Image, decode, decode_image, encode

__all__ = [
    "Base",
    "DataError",
    "Dataset",
    "Format",
    "Image",
    "StorageError",
    "decode",
    "decode_image",
    "encode",
    "open_base",
]

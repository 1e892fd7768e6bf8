import numpy as np
import numpy.typing as npt

class DataError(ValueError):
    """Something that was read, or asked for, is not what it should be; the message names it."""

class Format:
    """One storage format: sampling x block size x keep x quantisation factor, written ``1x1-b32-k3-q50``."""

    def __new__(cls, text: str) -> Format: ...
    @property
    def sampling(self) -> str:
        """Which pixels are stored: ``1x1``, ``2x2-r``, ``2x2-c`` or ``4x4``."""
    @property
    def block(self) -> int:
        """Side B of a block in pixels."""
    @property
    def keep(self) -> int:
        """Coefficient (i, j) of a block is kept when i + j < keep."""
    @property
    def quant(self) -> int:
        """What every rounded coefficient is divided by."""
    @property
    def side(self) -> int:
        """Side of the square a block fills in the planes: the smaller of keep and block."""
    @property
    def family(self) -> str:
        """Sampling and block size: formats of one family and factor share their columns."""
    def serves(self, wanted: Format) -> bool:
        """Whether columns stored as this format hold all that another needs."""
    def shape(self, height: int, width: int, channels: int = 3) -> tuple[int, int, int]:
        """Shape (channels, rows, columns) of the planes of an image of this size."""
    def kept(self, height: int, width: int, channels: int = 3) -> int:
        """How many values of an image of this size are kept; the rest of its planes is zero."""
    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...

class Manifest:
    """Images of one size, labels and splits under one content digest."""

    def __new__(cls, bytes: bytes) -> Manifest: ...
    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def classes(self) -> list[str]: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def channels(self) -> int: ...
    @property
    def splits(self) -> tuple[int, int, int]: ...
    @property
    def row_group(self) -> int: ...
    @property
    def labels_key(self) -> str: ...
    @property
    def labels_bytes(self) -> int: ...
    def labels(self, bytes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]: ...
    @property
    def columns_folder(self) -> str: ...
    def columns_key(self, stored: Format, group: int) -> str: ...
    def parse_columns_key(self, key: str) -> tuple[Format, int] | None: ...

class Footer:
    """What a column object holds and where."""

    @staticmethod
    def read(object_length: int, tail: npt.NDArray[np.uint8]) -> Footer | tuple[int, int]:
        """The footer of an object of this length, of its end; or the range to read and ask again with."""
    def check(self, manifest: Manifest, stored: Format, group: int) -> None:
        """Raises an error unless these are the columns of this row group of the dataset."""
    def prefix(self, keep: int) -> int:
        """How many bytes from the object's start hold everything up to this keep."""
    def planes(self, prefix: npt.NDArray[np.uint8], format: Format) -> npt.NDArray[np.int16]:
        """All images as a net sees them, images x channels x rows x columns, of the object's first bytes."""

def manifest_key(digest: str) -> str: ...
def name_key(name: str) -> str: ...
def named_digest(bytes: npt.NDArray[np.uint8]) -> str: ...
def decode(bytes: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int16], Format, tuple[int, int]]: ...
def decode_image(bytes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]: ...
def encode(image: npt.NDArray[np.uint8], format: Format) -> bytes: ...

"""Blocks cut out of real photographs: the two that scikit-learn carries for its examples.

usage: photographs.py BLOCK CHANNELS COUNT SEED > pixels

stdout: COUNT blocks of BLOCK x BLOCK pixels, row-major, CHANNELS bytes a pixel (1 grey, 3 RGB)
"""

import importlib.util
import pathlib
import sys

import numpy as np
from PIL import Image


def photographs(mode):
    """The photographs as arrays; found without importing scikit-learn, whose own dependencies are not there."""
    folder = pathlib.Path(importlib.util.find_spec("sklearn").submodule_search_locations[0]) / "datasets" / "images"
    return [np.asarray(Image.open(folder / name).convert(mode)) for name in ("china.jpg", "flower.jpg")]


def main():
    side, channels, count, seed = (int(argument) for argument in sys.argv[1:5])
    random = np.random.default_rng(seed)
    images = photographs("L" if channels == 1 else "RGB")
    for number in range(count):
        image = images[number % len(images)]
        row, column = (random.integers(0, extent - side + 1) for extent in image.shape[:2])
        sys.stdout.buffer.write(np.ascontiguousarray(image[row : row + side, column : column + side]).tobytes())


if __name__ == "__main__":
    main()

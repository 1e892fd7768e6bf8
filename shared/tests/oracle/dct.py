"""Orthonormal DCT-II of raw blocks, by SciPy: what the transform is compared with.

usage: dct.py BLOCK CHANNELS < pixels > coefficients

stdin:  blocks of BLOCK x BLOCK pixels, row-major, CHANNELS bytes a pixel (1 grey, 3 RGB)
stdout: for each block, for each channel (grey, or Y, Cb, Cr) the BLOCK x BLOCK coefficients, f64 little-endian
"""

import sys

import numpy as np
from scipy.fft import dctn

# The matrix of JFIF in its exact form, Cb = (B - Y) / 1.772 and Cr = (R - Y) / 1.402, as rows.
LUMA = np.array([0.299, 0.587, 0.114])
JFIF = np.stack([LUMA, (np.eye(3)[2] - LUMA) / 1.772, (np.eye(3)[0] - LUMA) / 1.402])


def planes_of(pixels):
    """Level-shifted channels of blocks: blocks x channels x rows x columns."""
    levels = pixels.astype(np.float64)
    if levels.shape[-1] == 3:
        levels = levels @ JFIF.T
    levels[..., 0] -= 128.0
    return np.moveaxis(levels, -1, 1)


def main():
    block, channels = int(sys.argv[1]), int(sys.argv[2])
    pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, block, block, channels)
    coefficients = dctn(planes_of(pixels), axes=(2, 3), norm="ortho")
    sys.stdout.buffer.write(coefficients.astype("<f8").tobytes())


if __name__ == "__main__":
    main()

"""A second way from pixels to planes, by SciPy's DCT: what the package's arrays are held against."""

import numpy as np
from scipy.fft import dctn

# JFIF's matrix in exact form: Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402.
LUMA = np.array([0.299, 0.587, 0.114])
JFIF = np.stack([LUMA, (np.eye(3)[2] - LUMA) / 1.772, (np.eye(3)[0] - LUMA) / 1.402])
STEPS = {"1x1": (1, 1), "2x2-r": (2, 1), "2x2-c": (1, 2), "4x4": (2, 2)}


def coefficients(pixels, sampling, block):
    """Rounded coefficients of images, whose size blocks tile: images x channels x block rows x block columns x B x B."""
    levels = pixels.astype(np.float64)
    levels = levels @ JFIF.T if levels.shape[-1] == 3 else levels
    levels[..., 0] -= 128.0
    rows, columns = STEPS[sampling]
    levels = np.moveaxis(levels[:, ::rows, ::columns], -1, 1)
    images, channels, height, width = levels.shape
    blocks = levels.reshape(images, channels, height // block, block, width // block, block).swapaxes(3, 4)
    values = dctn(blocks, axes=(4, 5), norm="ortho")
    # Ties are common and algorithms differ in the last bits: the format snaps to multiples of 2^-20 before it rounds.
    values = np.round(values * 2**20) / 2**20
    return (np.sign(values) * np.floor(np.abs(values) + 0.5)).astype(np.int64)


def planes(coefficients, keep, quant):
    """Planes of the coefficients: images x channels x rows x columns."""
    images, channels, down, across, block, _ = coefficients.shape
    row, column = np.indices((block, block))
    values = np.sign(coefficients) * ((2 * np.abs(coefficients) + quant) // (2 * quant))
    values = np.where(row + column < keep, values, 0)
    side = min(keep, block)
    squares = values[..., :side, :side].swapaxes(3, 4)
    return squares.reshape(images, channels, down * side, across * side).astype(np.int16)


def padded(pixels, rows, columns):
    """An image padded below and to the right by its last row and column."""
    down, across = -pixels.shape[0] % rows, -pixels.shape[1] % columns
    return np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="edge")

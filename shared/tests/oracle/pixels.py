"""Blocks of pixels whose spectrum falls like that of photographs (amplitude ~ 1/f), with edges.

usage: pixels.py BLOCK CHANNELS COUNT SEED > pixels

stdout: COUNT blocks of BLOCK x BLOCK pixels, row-major, CHANNELS bytes a pixel
"""

import sys

import numpy as np


def noise(random, side):
    """1/f noise of unit deviation."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = 1.0 / side
    phases = random.standard_normal(frequency.shape) + 1j * random.standard_normal(frequency.shape)
    field = np.fft.irfft2(phases / frequency, (side, side))
    return field / field.std()


def image(random, side, channels):
    """Correlated channels, a gradient, and an object with a hard edge; clipped as cameras clip."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    common = 45.0 * noise(random, side) + 80.0 * (rows - columns * random.uniform(-1, 1))
    edge = columns * random.uniform(-1, 1) + rows > random.uniform(0, 1)
    tints = random.uniform(-60, 60, channels)
    layers = [128.0 + common + 10.0 * noise(random, side) + edge * tint for tint in tints]
    return np.clip(np.rint(np.stack(layers, axis=-1)), 0, 255).astype(np.uint8)


def main():
    side, channels, count, seed = (int(argument) for argument in sys.argv[1:5])
    random = np.random.default_rng(seed)
    for _ in range(count):
        sys.stdout.buffer.write(image(random, side, channels).tobytes())


if __name__ == "__main__":
    main()

"""Writes tests/golden/augment.json: what torchvision's operations on pixels, and then scipy's DCT, make of made-up images.

Run by hand with torch 2.11.0, torchvision 0.26.0 and scipy: `python augment.py`. The tests need none of them. With the names of
photos, `python augment.py PHOTO ...` prints instead how far a crop that is resized on coefficients is from the same on pixels.
"""

import json
import pathlib
import sys

import numpy
import scipy.fft
import torch
import torchvision
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

# Pixels on a side of a block, keep, factor, blocks below and beside each other, channels.
OBLONG = [(1, 1, 1, 5, 6, 1), (4, 4, 3, 3, 4, 1), (8, 8, 1, 2, 3, 1), (8, 5, 4, 3, 2, 3), (8, 15, 5, 2, 3, 1), (16, 16, 7, 2, 3, 1)]
SQUARE = [(1, 1, 1, 5, 5, 3), (4, 4, 3, 3, 3, 1), (8, 8, 1, 2, 2, 1), (8, 5, 4, 3, 3, 1), (8, 15, 5, 2, 2, 1), (16, 16, 7, 2, 2, 1)]
COLOURED = [(1, 1, 1, 6, 5, 3), (1, 1, 1, 6, 5, 1), (8, 8, 2, 2, 2, 3), (8, 5, 3, 2, 3, 3), (16, 16, 5, 1, 2, 1)]
CROPPED = [(1, 1, 1, 8, 8, 3), (4, 4, 1, 4, 5, 1), (8, 8, 1, 4, 3, 1), (8, 5, 1, 4, 4, 1), (8, 15, 1, 3, 3, 1), (16, 16, 1, 2, 3, 1)]


def picture(height, width, channels, seed):
    """A slope, discs with sharp edges, a texture and a little noise; between 40 and 215, so that no operation clamps."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:height, :width]
    planes = []
    discs = [(random.uniform(0, height), random.uniform(0, width), random.uniform(0.15, 0.4) * height) for _ in range(3)]
    for _ in range(channels):
        a, b, c, d = random.uniform(-1, 1, 4)
        plane = 30 * (a * x / width + b * y / height) + 8 * numpy.sin(x * (1 + c) + y * (1 + d) / 2)
        for row, column, radius in discs:
            plane += random.uniform(-25, 25) * ((y - row) ** 2 + (x - column) ** 2 < radius**2)
        planes.append(plane + random.uniform(-3, 3, plane.shape))
    return numpy.clip(numpy.rint(numpy.stack(planes) + 127), 40, 215)


def ycbcr(rgb):
    """JPEG's matrix; torchvision's weights of luma are the same to 4 digits."""
    r, g, b = rgb
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    return numpy.stack([luma, (b - luma) / 1.772, (r - luma) / 1.402])


def rgb(values):
    y, cb, cr = values
    r, b = y + 1.402 * cr, y + 1.772 * cb
    return numpy.stack([r, (y - 0.299 * r - 0.114 * b) / 0.587, b])


def planes_of(pixels, side):
    """A net that is trained on pixels sees red, green and blue."""
    return pixels if side == 1 or len(pixels) == 1 else ycbcr(pixels)


def transformed(values, kind):
    """Coefficients, not rounded, of level-shifted planes, where the net's input has them."""
    side, keep, quant, *_ = kind
    period = min(side, keep)
    channels, height, width = values.shape
    blocks = values.reshape(channels, height // side, side, width // side, side)
    blocks = scipy.fft.dctn(blocks, axes=(2, 4), norm="ortho")[:, :, :period, :, :period]
    i, j = numpy.mgrid[:period, :period]
    blocks = blocks * (i + j < keep)[None, None, :, None, :] / quant
    return blocks.reshape(channels, height // side * period, width // side * period)


def stored(values, kind):
    """Integers: ties go away from zero, and what misses a tie by a rounding error is one."""

    def rounded(x):
        return numpy.sign(x) * numpy.floor(numpy.abs(x) + 0.5 + 1e-7)

    quant = kind[2]
    return (rounded(rounded(transformed(values, kind) * quant) / quant)).astype(int)


def decoded(values, kind):
    """The planes that coefficients stand for."""
    side, keep, quant, *_ = kind
    period = min(side, keep)
    channels, height, width = values.shape
    blocks = numpy.zeros((channels, height // period, side, width // period, side))
    blocks[:, :, :period, :, :period] = values.reshape(channels, height // period, period, width // period, period) * quant
    blocks = scipy.fft.idctn(blocks, axes=(2, 4), norm="ortho")
    return blocks.reshape(channels, height // period * side, width // period * side)


def made(kind, seed):
    side, _, _, rows, columns, channels = kind
    return picture(rows * side, columns * side, channels, seed)


def record(kind, values):
    keys = ["side", "keep", "quant", "rows", "columns", "channels"]
    return dict(zip(keys, kind)) | {"values": values.flatten().tolist()}


def moved(kind, draws, operate):
    """Integers before and after operations on pixels."""
    pixels = made(kind, 1)
    results = []
    for draw in draws:
        after = operate(torch.from_numpy(pixels), kind, draw).numpy()
        results.append(draw | {"values": stored(planes_of(after, kind[0]) - shift(kind), kind).flatten().tolist()})
    return record(kind, stored(planes_of(pixels, kind[0]) - shift(kind), kind)) | {"results": results}


def shift(kind):
    """The level shift: chroma has none."""
    channels = kind[5]
    return numpy.array([128, 0, 0] if channels == 3 and kind[0] > 1 else [128] * channels).reshape(-1, 1, 1)


def move(pixels, kind, draw):
    side, columns = kind[0], kind[4]
    if draw.get("flips", [False] * 2)[0]:
        pixels = F.vflip(pixels)
    if draw.get("flips", [False] * 2)[1]:
        pixels = F.hflip(pixels)
    if "turns" in draw:
        pixels = F.rotate(pixels, 90 * draw["turns"], InterpolationMode.NEAREST)
    if "shift" in draw:
        down, right = draw["shift"]
        pixels = F.affine(pixels, 0, [right * side, down * side], 1, [0, 0], InterpolationMode.NEAREST, fill=[128.0] * len(pixels))
    if "cutout" in draw:
        row, column, height, width = (side * blocks for blocks in draw["cutout"])
        pixels = F.erase(pixels, row, column, height, width, torch.tensor(128.0))
    return pixels


def coloured(kind):
    values = stored(planes_of(made(kind, 2), kind[0]) - shift(kind), kind)
    pixels = decoded(values, kind) + shift(kind)
    pixels = rgb(pixels) if kind[5] == 3 and kind[0] > 1 else pixels
    pixels = torch.from_numpy(pixels) / 255
    assert 0.1 < pixels.min() and pixels.max() < 0.9
    results = []
    for name, strength, operate in [
        ("brightness", 11.5, lambda x, d: x + d / 255),
        ("contrast", 0.75, F.adjust_contrast),
        ("contrast", 1.2, F.adjust_contrast),
        ("chroma", 0.6, F.adjust_saturation),
        ("chroma", 1.15, F.adjust_saturation),
    ]:
        if name == "chroma" and kind[5] == 1:
            continue
        after = operate(pixels, strength).numpy() * 255
        after = transformed(planes_of(after, kind[0]) - shift(kind), kind)
        results.append({name: strength, "values": after.round(3).flatten().tolist()})
    return record(kind, values) | {"results": results}


def band_limited(part, height, width):
    """A resize by the DCT of the whole, filled up with zeros."""
    frequencies = scipy.fft.dctn(part, axes=(1, 2), norm="ortho")
    more = [(0, 0), (0, height - part.shape[1]), (0, width - part.shape[2])]
    scale = numpy.sqrt(height * width / part.shape[1] / part.shape[2])
    return scipy.fft.idctn(numpy.pad(frequencies, more), axes=(1, 2), norm="ortho") * scale


def resized(part, height, width, mode):
    part = torch.from_numpy(part)
    return F.resize(part, [height, width], mode, antialias=True).numpy()


def cut(planes, kind, crop):
    row, column, rows, columns = (kind[0] * blocks for blocks in crop)
    return planes[:, row : row + rows, column : column + columns]


def cropped(kind, crops):
    """What coefficients say when what they stand for is cropped and resized, and how torchvision's resize differs."""
    planes = planes_of(made(kind, 3), kind[0]) - shift(kind)
    values = stored(planes, kind)
    seen = decoded(values, kind)
    height, width = seen.shape[1:]
    results = []
    for crop in crops:
        after = transformed(band_limited(cut(seen, kind, crop), height, width), kind)
        pixels = resized(cut(planes, kind, crop), height, width, InterpolationMode.BICUBIC)
        results.append(
            {
                "crop": crop,
                "values": after.round(2).flatten().tolist(),
                "bicubic": transformed(pixels, kind).round(1).flatten().tolist(),
            }
        )
    return record(kind, values) | {"results": results}


def crops_of(kind):
    rows, columns = kind[3:5]
    return [[1, 1, rows - 1, columns - 1], [0, 1, max(rows // 2, 1), max(columns // 2, 1)]]


def moves(kind):
    rows, columns = kind[3:5]
    flips = [{"flips": [True, False]}, {"flips": [False, True]}, {"flips": [True, True], "shift": [1, -1]}]
    return flips + [{"shift": [-1, columns - 1]}, {"cutout": [rows - 2, 1, 1, columns - 1]}]


def turns():
    flipped = [{"turns": 1, "flips": [True, False]}, {"turns": 3, "flips": [True, False], "shift": [0, 1]}]
    return [{"turns": turns} for turns in (1, 2, 3)] + flipped


def measure(names):
    """Root of the mean squared difference in pixel values, of luma and per format, on images of 256 × 256."""
    from PIL import Image

    kinds = [(side, keep) for side in (8, 16, 32, 64) for keep in (side // 4, side // 2, side, 2 * side - 1)]
    print("block keep | to the band-limited, bicubic, bilinear resize of what is stored | to bicubic of the photo | format alone")
    for side, keep in [(1, 1)] + kinds:
        errors = []
        for name in names:
            photo = Image.open(name).convert("L")
            small = min(photo.size)
            photo = photo.crop([0, 0, small, small]).resize((256, 256), Image.LANCZOS)
            planes = numpy.asarray(photo, dtype=float)[None] - 128
            blocks = 256 // side
            kind = (side, keep, 1, blocks, blocks, 1)
            values = stored(planes, kind)
            seen = decoded(values, kind)
            for share in (0.9, 0.75, 0.5):
                n = max(round(blocks * share), 1)
                if n == blocks:
                    n -= 1
                start = (blocks - n) // 2
                crop = [start, start, n, n]
                part = cut(seen, kind, crop)
                own = decoded(transformed(band_limited(part, 256, 256), kind), kind)
                whole = resized(cut(planes, kind, crop), 256, 256, InterpolationMode.BICUBIC)
                others = [
                    band_limited(part, 256, 256),
                    resized(part, 256, 256, InterpolationMode.BICUBIC),
                    resized(part, 256, 256, InterpolationMode.BILINEAR),
                ]
                pairs = [(own, other) for other in others]
                pairs += [(own, decoded(transformed(whole, kind), kind)), (seen, planes)]
                errors.append([numpy.sqrt(numpy.mean((a - b) ** 2)) for a, b in pairs])
        print(f"{side:5} {keep:4} | " + " ".join(f"{error:6.2f}" for error in numpy.mean(errors, axis=0)))


def main():
    if sys.argv[1:]:
        return measure(sys.argv[1:])
    golden = {
        "versions": [torch.__version__, torchvision.__version__, scipy.__version__],
        "oblong": [moved(kind, moves(kind), move) for kind in OBLONG],
        "square": [moved(kind, turns(), move) for kind in SQUARE],
        "coloured": [coloured(kind) for kind in COLOURED],
        "cropped": [cropped(kind, crops_of(kind)) for kind in CROPPED],
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in golden.items()]
    path = pathlib.Path(__file__).parent.parent / "golden/augment.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

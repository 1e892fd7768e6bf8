"""From a folder of photographs to distinct crops of 256x256, as pixels and as JPEG files."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

SIDE = 256
# Large photographs are scaled down to this shorter side, so that a crop shows more than a texture.
SHORTER = 1024
# Smaller ones are scaled up by a few per cent at most; smaller still they are cut as they are.
SHORTER_MIN = 1000
QUALITIES = (96, 75)
# A folder may hold more than fits into memory: so many times the crops that are wanted are enough to choose from.
CANDIDATES = 4
# Two photographs are one if thumbnails of this side differ by less than this many levels on average.
THUMBNAIL = 16
ALIKE = 4


class TooFew(Exception):
    """There is not enough to cut crops from."""


def prepare(folder, out, count, seed, suffixes):
    """Writes `crops.u8` (count x 256 x 256 x RGB) and `jpeg96/`, `jpeg75/` with two class folders each."""
    # Packages link one file under many names.
    files = sorted({file.resolve() for file in Path(folder).rglob("*") if file.suffix.lower() in suffixes})
    if not files:
        raise TooFew(f"{folder} holds no file that ends in {', '.join(suffixes)}; name another folder, PHOTOS=folder")
    crops, seen, thumbnails, used, looked_at = [], set(), [], 0, 0
    for nth in np.random.default_rng(seed + 2).permutation(len(files)):
        if len(crops) >= CANDIDATES * count:
            break
        looked_at += 1
        pixels = scaled(files[nth])
        if pixels is None or known(pixels, thumbnails):
            continue
        used += 1
        for crop in cut(pixels):
            digest = hashlib.blake2b(crop.tobytes(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                crops.append(crop)
    if len(crops) < count:
        raise TooFew(
            f"{folder} gives {len(crops)} distinct crops of {SIDE}x{SIDE} (of {used} of its {len(files)} photographs), "
            f"{count} are needed; name a folder with more photographs, PHOTOS=folder"
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(crops))[:count])
    chosen = np.random.default_rng(seed + 1).permutation(chosen)
    out = Path(out)
    np.stack([crops[at] for at in chosen]).tofile(out / "crops.u8")
    for quality in QUALITIES:
        shutil.rmtree(out / f"jpeg{quality}", ignore_errors=True)
        for number, at in enumerate(chosen):
            path = out / f"jpeg{quality}" / ("even", "odd")[number % 2] / f"{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(simplejpeg.encode_jpeg(crops[at], quality, "RGB", "420"))
    return {"photographs": used, "unused": looked_at - used, "candidates": len(crops)}


def scaled(file):
    """A photograph's pixels; none of one that is too small or cannot be read."""
    try:
        with Image.open(file) as image:
            shorter = min(image.size)
            if shorter < SIDE:
                return None
            image = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        print(f"{file} is left out: {error}", file=sys.stderr)
        return None
    if shorter >= SHORTER_MIN:
        scale = SHORTER / shorter
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
    return np.asarray(image)


def known(pixels, thumbnails):
    """Whether a photograph was there before, in another resolution; remembers it if not."""
    small = Image.fromarray(pixels).resize((THUMBNAIL, THUMBNAIL), Image.BOX)
    thumbnail = np.asarray(small).astype(int)
    if any(np.abs(thumbnail - other).mean() < ALIKE for other in thumbnails):
        return True
    thumbnails.append(thumbnail)
    return False


def cut(pixels):
    """All crops of a photograph, side by side."""
    for y in range(0, pixels.shape[0] - SIDE + 1, SIDE):
        for x in range(0, pixels.shape[1] - SIDE + 1, SIDE):
            yield np.ascontiguousarray(pixels[y : y + SIDE, x : x + SIDE])

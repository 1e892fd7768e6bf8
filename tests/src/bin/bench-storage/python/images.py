"""What holds one image each: npz and DEFLATE of its values, and files of its pixels."""

import io
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import numpy as np
import simplejpeg

SIDE = 256
STATE = {}


def per_image(peer, values, images):
    """Stores each of `images` runs of i16 of one file for itself; keeps them for `read_per_image`."""
    values = np.fromfile(values, np.int16).reshape(images, -1)
    STATE[peer] = [PER_IMAGE[peer][0](run) for run in values]
    STATE[peer, "values"] = values
    sizes = [len(data) for data in STATE[peer]]
    return {"bytes": sum(sizes), "file_bytes": sum(-(-size // 4096) * 4096 for size in sizes)}


def read_per_image(peer):
    read, files = PER_IMAGE[peer][1], STATE[peer]
    count = STATE[peer, "values"].shape[1]
    spent = time.process_time()
    for data in files:
        last = read(data, count)
    spent = time.process_time() - spent
    if not np.array_equal(last.reshape(-1), STATE[peer, "values"][-1]):
        raise ValueError(f"{peer} gives other values back")
    return {"cpu_s": spent}


def write_npz(run):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, planes=run)
    return buffer.getvalue()


PER_IMAGE = {
    "npz": (write_npz, lambda data, count: np.load(io.BytesIO(data))["planes"]),
    "deflate": (
        lambda run: imagecodecs.deflate_encode(run.tobytes(), level=6, raw=True),
        lambda data, count: np.frombuffer(imagecodecs.deflate_decode(data, out=2 * count, raw=True), np.int16),
    ),
}

PICTURES = {
    "JPEG 96": (lambda rgb: simplejpeg.encode_jpeg(rgb, 96, "RGB", "420"), simplejpeg.decode_jpeg),
    "JPEG 75": (lambda rgb: simplejpeg.encode_jpeg(rgb, 75, "RGB", "420"), simplejpeg.decode_jpeg),
    "WebP 80": (lambda rgb: imagecodecs.webp_encode(rgb, level=80, lossless=False), imagecodecs.webp_decode),
    "AVIF 60": (
        lambda rgb: imagecodecs.avif_encode(rgb, level=60, speed=6, pixelformat="yuv420", numthreads=1),
        lambda data: imagecodecs.avif_decode(data, numthreads=1),
    ),
    "JPEG XL 1.0": (
        lambda rgb: imagecodecs.jpegxl_encode(rgb, distance=1.0, effort=5, numthreads=1),
        lambda data: imagecodecs.jpegxl_decode(data, numthreads=1),
    ),
}
for shown, factor in (("1/2", 2), ("1/4", 4), ("1/8", 8)):
    for quality in (96, 75):
        PICTURES[f"JPEG {quality} at {shown}"] = (
            PICTURES[f"JPEG {quality}"][0],
            lambda data, factor=factor: simplejpeg.decode_jpeg(
                data, min_height=SIDE // factor, min_width=SIDE // factor, min_factor=factor
            ),
        )


def pictures(peer, crops, images):
    """Encodes the first crops as image files; says what they take and how near they are."""
    crops = np.fromfile(crops, np.uint8, count=images * SIDE * SIDE * 3).reshape(images, SIDE, SIDE, 3)
    encode, decode = PICTURES[peer]
    spent = time.process_time()
    STATE[peer] = [bytes(encode(crop)) for crop in crops]
    spent = time.process_time() - spent
    answer = {"bytes": sum(len(data) for data in STATE[peer]), "cpu_s": spent, "psnr_db": None}
    if decode(STATE[peer][0]).shape == crops[0].shape:
        errors = [np.mean((decode(data).astype(float) - crop) ** 2) for data, crop in zip(STATE[peer], crops)]
        answer["psnr_db"] = float(10 * np.log10(255**2 / np.mean(errors)))
    return answer


def read_pictures(peer):
    decode, files = PICTURES[peer][1], STATE[peer]
    spent = time.process_time()
    for data in files:
        decode(data)
    return {"cpu_s": time.process_time() - spent}


# One process a core: waits for a line, then reads and decodes its share.
DECODER = """
import os, sys
sys.path[:0] = sys.argv[4:]
import simplejpeg
core, nth, of = map(int, sys.argv[1:4])
os.sched_setaffinity(0, [core])
files = [line.strip() for line in sys.stdin.readline().split("|")][nth::of]
print("ready", flush=True)
sys.stdin.readline()
for file in files:
    with open(file, "rb") as opened:
        simplejpeg.decode_jpeg(opened.read())
print("done", flush=True)
"""


def decode_all(folder, cores, times=1):
    """Wall time of reading and decoding every JPEG file of a folder `times` over, all cores at it."""
    files = sorted(str(file) for file in Path(folder).rglob("*.jpg")) * times
    workers = []
    for nth, core in enumerate(cores):
        command = [sys.executable, "-c", DECODER, str(core), str(nth), str(len(cores)), *sys.path]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        worker.stdin.write("|".join(files) + "\n")
        worker.stdin.flush()
        workers.append(worker)
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    began = time.monotonic()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.stdout.readline() == "done\n"
    spent = time.monotonic() - began
    for worker in workers:
        worker.wait()
    return {"files": len(files), "wall_s": spent, "cores": len(cores)}

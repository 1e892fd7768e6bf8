"""Codings and containers that hold all images' values of a format as one column of i16.

The column has the order of our own objects: chunk after chunk, each one anti-diagonal of one channel. A smaller keep is
therefore a prefix of rows everywhere, and nobody pays for thousands of columns.
"""

import importlib.metadata
import shutil
import time
from pathlib import Path

import lance.file
import numpy as np
import pcodec
import pyarrow as pa
import pyarrow.parquet as pq
import vortex as vx
import zarr
from pcodec import standalone
from zarr.codecs import BloscCodec

# Values in one compressed piece of a zarr shard (512 KiB): larger ones compress no better and waste more of a prefix.
ZARR_CHUNK = 1 << 18
PACKAGES = ("pcodec", "pyarrow", "pylance", "vortex-data", "zarr", "simplejpeg", "imagecodecs")


def versions():
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def write(peer, values, lengths, to):
    """Stores a file of i16, `lengths` values a chunk; says how many bytes that took."""
    values = np.fromfile(values, np.int16)
    assert len(values) == sum(lengths)
    to = Path(to)
    shutil.rmtree(to, ignore_errors=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    spent = time.process_time()
    PEERS[peer][0](values, np.cumsum(lengths), to)
    spent = time.process_time() - spent
    if to.is_file():
        return {"bytes": to.stat().st_size, "cpu_s": spent}
    return {"bytes": sum(file.stat().st_size for file in to.rglob("*") if file.is_file()), "cpu_s": spent}


def read(peer, to, lengths, check=None):
    """Reads the first chunks back into arrays; with `check`, holds them against that file of i16."""
    read_from = PEERS[peer][1]
    # The first reading finds memory and caches as whatever was measured before left them.
    read_from(Path(to), lengths)
    spent = time.process_time()
    arrays = read_from(Path(to), lengths)
    spent = time.process_time() - spent
    if check is not None:
        expected = np.fromfile(check, np.int16, count=sum(lengths))
        if not np.array_equal(np.concatenate(arrays)[: len(expected)], expected):
            raise ValueError(f"{peer} gives other values back")
    return {"cpu_s": spent}


def write_pco(values, ends, to):
    """A pco file for each chunk, behind each other, and where each begins."""
    config = pcodec.ChunkConfig(compression_level=8)
    parts = [standalone.simple_compress(part, config) for part in np.split(values, ends[:-1])]
    at = np.cumsum([0] + [len(part) for part in parts]).astype("<u4")
    to.write_bytes(at.tobytes() + b"".join(parts))


def read_pco(to, lengths):
    data = to.read_bytes()
    heads = np.frombuffer(data, "<u4", count=len(lengths) + 1)
    # The table ends where the first chunk begins; all chunks are described, though only some are read.
    out = np.empty(sum(lengths), np.int16)
    at, view = 0, memoryview(data)
    table = 4 * (pieces(data) + 1)
    for nth, length in enumerate(lengths):
        part = view[table + heads[nth] : table + heads[nth + 1]]
        standalone.simple_decompress_into(bytes(part), out[at : at + length])
        at += length
    return [out]


def pieces(data):
    """How many chunks a file of `write_pco` has: offsets rise up to what is left of the file."""
    heads = np.frombuffer(data, "<u4", count=min(len(data) // 4, 4096))
    counts = np.arange(len(heads))
    return int(np.flatnonzero(heads.astype(np.int64) + 4 * (counts + 1) == len(data))[0])


def write_parquet(values, ends, to):
    schema = pa.schema([("v", pa.int16())])
    with pq.ParquetWriter(
        to, schema, compression="zstd", compression_level=3, use_dictionary=True, write_statistics=False,
        data_page_version="2.0",
    ) as writer:
        for part in np.split(values, ends[:-1]):
            writer.write_table(pa.table({"v": part}, schema=schema), row_group_size=len(part))


def read_parquet(to, lengths):
    file = pq.ParquetFile(pa.memory_map(str(to)), pre_buffer=False)
    column = file.read_row_groups(range(len(lengths)), use_threads=False)["v"]
    return [chunk.to_numpy() for chunk in column.chunks]


def write_lance(values, _ends, to):
    field = pa.field("v", pa.int16(), nullable=False, metadata={
        "lance-encoding:compression": "zstd",
        "lance-encoding:compression-level": "3",
    })
    schema = pa.schema([field])
    with lance.file.LanceFileWriter(str(to), schema, version="2.1") as writer:
        writer.write_batch(pa.table({"v": values}, schema=schema))


def read_lance(to, lengths):
    reader = lance.file.LanceFileReader(str(to))
    table = reader.read_range(0, sum(lengths), batch_size=1 << 20).to_table()
    return [chunk.to_numpy() for chunk in table["v"].chunks]


def write_vortex(options):
    return lambda values, _ends, to: options().write(vx.array(pa.table({"v": values})), str(to))


def read_vortex(to, lengths):
    rows = sum(lengths)
    arrays, left = [], rows
    for batch in vx.open(str(to)).to_arrow(limit=rows):
        arrays.append(batch["v"].to_numpy()[:left])
        left -= len(arrays[-1])
    return arrays


def write_zarr(values, _ends, to):
    shard = -(-len(values) // ZARR_CHUNK) * ZARR_CHUNK
    array = zarr.create_array(
        str(to), shape=values.shape, dtype="int16", chunks=(ZARR_CHUNK,), shards=(shard,), zarr_format=3,
        compressors=BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle"), filters=None,
    )
    array[:] = values


def read_zarr(to, lengths):
    return [zarr.open_array(str(to), mode="r")[: sum(lengths)]]


PEERS = {
    "pco": (write_pco, read_pco),
    "parquet": (write_parquet, read_parquet),
    "lance": (write_lance, read_lance),
    "vortex": (write_vortex(vx.io.VortexWriteOptions.default), read_vortex),
    "vortex-compact": (write_vortex(vx.io.VortexWriteOptions.compact), read_vortex),
    "zarr": (write_zarr, read_zarr),
}

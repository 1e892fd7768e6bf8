"""A base in an object store gives what one on disk gives."""

import os
import pickle

import numpy as np
import pytest

import imgcalc

FORMAT = "1x1-b8-k5-q20"


def test_a_store_gives_what_a_disk_gives_in_as_many_requests(base, url):
    on_disk = imgcalc.Dataset(base, "small", format=FORMAT, split="validation")
    ds = imgcalc.Dataset(url, "small", format=FORMAT, split="validation")
    before, bytes_before = ds.base.requests, ds.base.bytes_read
    disk_before = on_disk.base.bytes_read
    planes, labels = ds.arrays()
    expected = on_disk.arrays()
    assert np.array_equal(planes, expected[0]) and np.array_equal(labels, expected[1])
    assert ds.base.requests - before == 2 * ds.row_group_count
    assert ds.base.bytes_read - bytes_before == on_disk.base.bytes_read - disk_before
    assert np.array_equal(pickle.loads(pickle.dumps(ds))[1][0], planes[1])
    with pytest.raises(imgcalc.DataError, match="it holds other, small"):
        imgcalc.Dataset(url, format=FORMAT)


def test_a_process_that_was_forked_reads_on(url):
    ds = imgcalc.Dataset(url, "small", format=FORMAT)
    expected = ds[len(ds) - 1][0].sum()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if imgcalc_sum(ds) == expected else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def imgcalc_sum(ds):
    group = ds.row_group_count - 1
    return next(ds.row_groups([group]))[0][-1].sum()


def test_a_store_that_is_not_there_or_lacks_an_object_is_named(url, place):
    with pytest.raises(imgcalc.StorageError, match="s3://nowhere/base"):
        imgcalc.Dataset("s3://nowhere/base", "small", format=FORMAT)
    with pytest.raises(imgcalc.DataError, match=f"there is no dataset small in {place}/empty"):
        imgcalc.Dataset(f"{place}/empty", "small", format=FORMAT)
    with pytest.raises(imgcalc.DataError, match="there is no datasets/0"):
        imgcalc.Dataset(url, "0" * 64, format=FORMAT)
    base = imgcalc.open_base(url)
    key = next(iter(base.list("columns")))
    length = base.list("columns")[key]
    assert len(base.get(key)) == length
    with pytest.raises(imgcalc.DataError, match="truncated"):
        base.get_range(key, length - 5, length + 5)
    for outside in ("../secret", "/etc/passwd", "a//b", ""):
        with pytest.raises(imgcalc.DataError, match="no key"):
            base.get(outside)

"""Columns made by a worker, held against SciPy's DCT of the images."""

import pickle
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import reference

import imgcalc

FORMAT = "1x1-b8-k5-q20"


def multiset(planes, labels):
    return Counter((image.tobytes(), int(label)) for image, label in zip(planes, labels))


def columns_of(base):
    """The objects that FORMAT is read from: columns of its factor."""
    return sorted(file for file in (base / "columns").rglob("rg-*") if file.parent.name.endswith("-q20"))


def test_every_split_together_holds_every_image_as_scipy_transforms_it(base, source):
    pixels, classes, labels = source
    coefficients = reference.coefficients(pixels, "1x1", 8)
    undivided = imgcalc.Dataset(base, "small", format="1x1-b8-k1-q1").stored
    divided = imgcalc.Dataset(base, "small", format="1x1-b8-k1-q20").stored
    assert (undivided.quant, divided.quant) == (1, 20)
    # There are columns of factors 1 and 20: others follow from the undivided ones.
    for keep, quant in [(1, 1), (3, 20), (divided.keep, 20), (undivided.keep, 1), (undivided.keep, 50)]:
        splits = [
            imgcalc.Dataset(base, "small", format=f"1x1-b8-k{keep}-q{quant}", split=split)
            for split in ("train", "validation", "test")
        ]
        arrays = [split.arrays() for split in splits]
        for split, (planes, its) in zip(splits, arrays):
            assert planes.dtype == np.int16 and its.dtype == np.int64
            assert planes.shape == (len(split), *split.shape) and its.shape == (len(split),)
            assert split.classes == tuple(classes)
        found = multiset(np.concatenate([planes for planes, _ in arrays]), np.concatenate([its for _, its in arrays]))
        assert found == multiset(reference.planes(coefficients, keep, quant), labels), (keep, quant)


def test_images_row_groups_and_arrays_are_the_same_values(base):
    for split in ("train", "validation"):
        ds = imgcalc.Dataset(base, "small", format=FORMAT, split=split)
        planes, labels = ds.arrays()
        groups = list(ds.row_groups())
        assert len(groups) == ds.row_group_count > 1
        assert np.array_equal(np.concatenate([part for part, _ in groups]), planes)
        assert np.array_equal(np.concatenate([part for _, part in groups]), labels)
        for alone in ({"threads": 0}, {"threads": 3}):
            assert np.array_equal(ds.arrays(**alone)[0], planes)
        for (image, label), expected, its in zip(ds, planes, labels):
            assert np.array_equal(image, expected) and label == its
        for place in (0, 5, len(ds) - 1, -1, -len(ds), np.int64(7)):
            image, label = ds[place]
            assert np.array_equal(image, planes[place]) and label == labels[place] and type(label) is int
        for outside in (len(ds), -len(ds) - 1):
            with pytest.raises(IndexError):
                ds[outside]
        last_first = [part for part, _ in ds.row_groups(reversed(range(ds.row_group_count)), ahead=0)]
        assert np.array_equal(last_first[0], groups[-1][0])


def test_an_image_that_is_changed_is_the_callers_own(base):
    ds = imgcalc.Dataset(base, "small", format=FORMAT)
    ds[3][0][:] = 77
    assert not np.array_equal(ds[3][0], np.full(ds.shape, 77))


def test_the_first_images_of_a_split_are_a_dataset_too(base):
    whole = imgcalc.Dataset(base, "small", format=FORMAT, split="validation")
    few = imgcalc.Dataset(base, "small", format=FORMAT, split="validation", images=9)
    assert len(few) == 9
    assert np.array_equal(few.arrays()[0], whole.arrays()[0][:9])
    assert len(imgcalc.Dataset(base, "small", format=FORMAT, images=10**9)) == len(
        imgcalc.Dataset(base, "small", format=FORMAT)
    )


def test_a_row_group_costs_one_request_and_its_footer_one_more_the_first_time(base):
    ds = imgcalc.Dataset(base, "small", format=FORMAT)
    before = ds.base.requests
    first = ds.arrays()
    assert ds.base.requests - before == 2 * ds.row_group_count
    before, bytes_before = ds.base.requests, ds.base.bytes_read
    again = ds.arrays()
    assert ds.base.requests - before == ds.row_group_count
    assert np.array_equal(first[0], again[0])
    # A prefix is read, not the object.
    objects = sum(file.stat().st_size for file in columns_of(base)[: ds.row_group_count])
    small = imgcalc.Dataset(base, "small", format="1x1-b8-k1-q20")
    small.arrays()
    bytes_before = small.base.bytes_read
    small.arrays()
    assert 0 < small.base.bytes_read - bytes_before < objects / 4


def test_random_access_decodes_a_row_group_once_and_keeps_what_fits(base):
    ds = imgcalc.Dataset(base, "small", format=FORMAT)
    ds[0]
    before = ds.base.requests
    for place in range(0, len(ds), 100):
        ds[place]
    assert ds.base.requests - before == 2 * (ds.row_group_count - 1)
    tight = imgcalc.Dataset(base, "small", format=FORMAT, cache_bytes=0)
    for _ in range(2):
        tight[0], tight[len(tight) - 1]
    assert tight.base.requests >= before + 2


def test_a_dataset_is_found_by_name_by_digest_and_alone(base, damaged):
    by_name = imgcalc.Dataset(base, "small", format=FORMAT)
    assert by_name.name == "small"
    by_digest = imgcalc.Dataset(f"file://{base}", by_name.digest, format=imgcalc.Format(FORMAT))
    assert by_digest.digest == by_name.digest and np.array_equal(by_digest[0][0], by_name[0][0])
    with pytest.raises(imgcalc.DataError, match="it holds other, small"):
        imgcalc.Dataset(base, format=FORMAT)
    with pytest.raises(imgcalc.DataError, match="no dataset smal in file://.*it holds other, small"):
        imgcalc.Dataset(base, "smal", format=FORMAT)
    with pytest.raises(imgcalc.DataError, match="no name of a dataset"):
        imgcalc.Dataset(base, "../small", format=FORMAT)
    with pytest.raises(imgcalc.DataError, match=f"no datasets/{'0' * 64}/manifest in file://"):
        imgcalc.Dataset(base, "0" * 64, format=FORMAT)
    (damaged / "datasets/names/other").unlink()
    assert imgcalc.Dataset(damaged, format=FORMAT).name == "small"
    (damaged / "datasets/names/small").unlink()
    with pytest.raises(imgcalc.DataError, match="make one with"):
        imgcalc.Dataset(damaged, format=FORMAT)


def test_what_a_base_has_not_is_said_with_what_it_has(base):
    stored = imgcalc.Dataset(base, "small", format="1x1-b8-k1-q1").stored
    with pytest.raises(imgcalc.DataError, match=f"no columns of 4x4-b8 with keep 2 .*it holds .*{stored}"):
        imgcalc.Dataset(base, "small", format="4x4-b8-k2-q20")
    with pytest.raises(imgcalc.DataError, match="it holds none of this dataset"):
        imgcalc.Dataset(base, "other", format=FORMAT)
    with pytest.raises(imgcalc.DataError, match="does not fit"):
        imgcalc.Dataset(base, "small", format="1x1-b64-k2-q20")
    with pytest.raises(imgcalc.DataError, match="is not a format"):
        imgcalc.Dataset(base, "small", format="jpeg")
    with pytest.raises(ValueError, match="one of train, validation, test"):
        imgcalc.Dataset(base, "small", format=FORMAT, split="all")
    with pytest.raises(imgcalc.DataError, match="0 are asked for"):
        imgcalc.Dataset(base, "small", format=FORMAT, images=0)
    for no_base in ("/data/base", "file:data", "gs://x/y", "s3://user@place/x"):
        with pytest.raises(imgcalc.StorageError):
            imgcalc.Dataset(no_base, format=FORMAT)


def test_a_split_may_end_where_the_columns_do(damaged):
    whole = imgcalc.Dataset(damaged, "small", format=FORMAT, images="stored")
    planes, labels = whole.arrays()
    assert len(whole) > 1024 and np.array_equal(planes, imgcalc.Dataset(damaged, "small", format=FORMAT).arrays()[0])
    columns_of(damaged)[1].unlink()
    assert imgcalc.Dataset(damaged, "small", format=FORMAT).stored.quant == 1
    for undivided in (damaged / "columns").rglob("*-q1"):
        shutil.rmtree(undivided)
    with pytest.raises(imgcalc.DataError, match='for all of these images: .*/rg-00001 is not in .*images="stored"'):
        imgcalc.Dataset(damaged, "small", format=FORMAT)
    few = imgcalc.Dataset(damaged, "small", format=FORMAT, images="stored")
    assert len(few) == 1024 == len(few.labels)
    assert np.array_equal(few.arrays()[0], planes[:1024]) and np.array_equal(few.arrays()[1], labels[:1024])
    with pytest.raises(imgcalc.DataError, match="no columns"):
        imgcalc.Dataset(damaged, "small", format=FORMAT, split="validation", images="stored")


def test_the_smallest_columns_that_serve_are_read(damaged):
    stored = imgcalc.Dataset(damaged, "small", format=FORMAT).stored
    assert str(stored).endswith("-q20") and stored.serves(imgcalc.Format(FORMAT))
    folder = columns_of(damaged)[0].parent
    larger = imgcalc.Format(f"1x1-b8-k{stored.keep + 1}-q20")
    shutil.copytree(folder, folder.with_name(str(larger)))
    assert imgcalc.Dataset(damaged, "small", format=FORMAT).stored == stored
    # One that lies under a key that is not its own is found out.
    impostor = imgcalc.Dataset(damaged, "small", format=larger)
    assert impostor.stored == larger
    with pytest.raises(imgcalc.DataError, match=f"{larger}/rg-00000 .*not those of this dataset"):
        impostor[0]


def test_undivided_columns_serve_a_factor_of_which_there_are_none(damaged):
    planes, _ = imgcalc.Dataset(damaged, "small", format=FORMAT).arrays()
    shutil.rmtree(columns_of(damaged)[0].parent)
    without = imgcalc.Dataset(damaged, "small", format=FORMAT)
    assert without.stored.quant == 1
    assert np.array_equal(without.arrays()[0], planes)


@pytest.mark.parametrize("at", [20, 5000, -1, -40, -300])
def test_a_flipped_bit_is_found_and_the_object_named(damaged, at):
    file = columns_of(damaged)[1]
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    file.write_bytes(content)
    ds = imgcalc.Dataset(damaged, "small", format=FORMAT)
    key = file.relative_to(damaged).as_posix()
    with pytest.raises(imgcalc.DataError, match=f"the columns {key} in file://.* are damaged: "):
        ds.arrays()
    ds[0]


def test_what_is_truncated_or_gone_is_named(damaged):
    ds = imgcalc.Dataset(damaged, "small", format=FORMAT)
    one, two = columns_of(damaged)[:2]
    with open(one, "r+b") as file:
        file.truncate(one.stat().st_size - 1)
    with pytest.raises(imgcalc.DataError, match="rg-00000.*truncated"):
        ds[0]
    two.unlink()
    with pytest.raises(imgcalc.DataError, match="there is no columns/.*rg-00001 in file://"):
        list(ds.row_groups([1]))
    for pattern, what in [("datasets/*/manifest", "manifest"), ("datasets/names/small", "name")]:
        for file in damaged.glob(pattern):
            file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(imgcalc.DataError, match=f"the {what} datasets/.* is damaged"):
            imgcalc.Dataset(damaged, "small", format=FORMAT)


def test_datasets_are_pickled_and_used_by_threads(base):
    ds = imgcalc.Dataset(base, "small", format=FORMAT)
    planes, labels = ds.arrays()
    ds[0]
    copy = pickle.loads(pickle.dumps(ds))
    assert len(pickle.dumps(ds)) < planes.nbytes / 10
    assert (copy.name, copy.format, copy.classes, len(copy)) == (ds.name, ds.format, ds.classes, len(ds))
    with ThreadPoolExecutor(4) as pool:
        items = list(pool.map(copy.__getitem__, range(0, len(ds), 7)))
    for place, (image, label) in zip(range(0, len(ds), 7), items):
        assert np.array_equal(image, planes[place]) and label == labels[place]


def test_row_groups_that_nobody_waits_for_are_left(base):
    ds = imgcalc.Dataset(base, "small", format=FORMAT)
    before = ds.base.requests
    groups = ds.row_groups(ahead=1)
    next(groups)
    groups.close()
    assert ds.base.requests - before <= 4

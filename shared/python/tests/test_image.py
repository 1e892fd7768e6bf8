"""Single images, held against SciPy's DCT, against columns, and against damage."""

import random

import numpy as np
import pytest
import reference

import imgcalc


def pictures():
    dice = np.random.default_rng(4)
    for height, width, channels in [(32, 32, 3), (40, 24, 3), (33, 17, 3), (1, 1, 3), (16, 64, 1), (7, 9, 1)]:
        ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 5)[:, :, None] + np.arange(channels) * 40
        yield ((ramp + dice.integers(0, 64, (height, width, channels))) % 256).astype(np.uint8)


@pytest.mark.parametrize(
    "text", ["1x1-b8-k15-q1", "1x1-b8-k4-q20", "2x2-r-b8-k8-q3", "2x2-c-b16-k5-q1", "4x4-b16-k20-q50"]
)
def test_planes_are_what_scipy_computes_of_the_padded_image(text):
    format = imgcalc.Format(text)
    rows, columns = reference.STEPS[format.sampling]
    for pixels in pictures():
        image = pixels if pixels.shape[2] == 3 else pixels[:, :, 0]
        found = imgcalc.decode(imgcalc.encode(image, format=text))
        whole = reference.padded(pixels, format.block * rows, format.block * columns)
        expected = reference.coefficients(whole[None], format.sampling, format.block)
        assert found.planes.dtype == np.int16
        assert np.array_equal(found.planes, reference.planes(expected, format.keep, format.quant)[0])
        assert (found.format, found.size) == (format, pixels.shape[:2])
        assert found.planes.shape == format.shape(*whole.shape)


def test_files_of_the_program_decode_to_what_scipy_computes(encoded):
    pairs, text = encoded
    format = imgcalc.Format(text)
    for pixels, data in pairs:
        expected = reference.coefficients(pixels[None], format.sampling, format.block)
        planes, its, size = imgcalc.decode(data)
        assert np.array_equal(planes, reference.planes(expected, format.keep, format.quant)[0])
        assert (its, size) == (format, pixels.shape[:2])
        assert imgcalc.encode(pixels, format) == data


def test_a_file_holds_the_values_the_dataset_has(base, source):
    ds = imgcalc.Dataset(base, "small", format="1x1-b8-k5-q20", images=200)
    files = {imgcalc.decode(imgcalc.encode(pixels, ds.format)).planes.tobytes() for pixels in source[0]}
    assert all(planes.tobytes() in files for planes, _ in ds)


def test_an_image_that_is_kept_whole_looks_the_same():
    for pixels in pictures():
        image = pixels if pixels.shape[2] == 3 else pixels[:, :, 0]
        back = imgcalc.decode_image(imgcalc.encode(image, "1x1-b8-k15-q1"))
        assert back.dtype == np.uint8 and back.shape == image.shape
        assert np.abs(back.astype(int) - image).max() <= 4
        # Whatever lies in memory in another order is the same image.
        assert imgcalc.encode(np.asfortranarray(image), "1x1-b8-k3-q1") == imgcalc.encode(image, "1x1-b8-k3-q1")


def test_bytes_may_be_of_any_kind():
    data = imgcalc.encode(np.zeros((8, 8), np.uint8), "1x1-b8-k3-q1")
    for same in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert np.array_equal(imgcalc.decode(same).planes, imgcalc.decode(data).planes)


def test_what_is_no_image_or_no_file_is_refused_by_name():
    for wrong in (np.zeros((8, 8)), np.zeros(8, np.uint8), np.zeros((1, 8, 8, 3), np.uint8)):
        with pytest.raises(TypeError, match="an image"):
            imgcalc.encode(wrong, "1x1-b8-k3-q1")
    for shape in [(0, 8, 3), (8, 8, 2), (8, 8, 70_000), (5000, 8, 3)]:
        with pytest.raises(imgcalc.DataError):
            imgcalc.encode(np.zeros(shape, np.uint8), "1x1-b8-k3-q1")
    for data in (b"", b"x", b"\x89PNG\r\n\x1a\n" + b"\0" * 100):
        for decode in (imgcalc.decode, imgcalc.decode_image):
            with pytest.raises(imgcalc.DataError, match="not an encoded image"):
                decode(data)
    with pytest.raises(TypeError):
        imgcalc.decode("text")


def test_damaged_files_raise_one_kind_of_error_and_nothing_else(encoded):
    dice = random.Random(7)
    data = encoded[0][0][1]
    for _ in range(3000):
        broken = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        broken = bytes(broken[: dice.choice([len(broken), dice.randrange(len(broken))])])
        if broken != data:
            for decode in (imgcalc.decode, imgcalc.decode_image):
                with pytest.raises(imgcalc.DataError):
                    decode(broken)

"""What the tests need is prepared by `tests/tests/python.rs`, of the real programs, and named in the environment:

IMGCALC_TEST_IMAGES  a folder with one folder of PNG files of one size per class
IMGCALC_TEST_BASE    the folder of a base with those images as the dataset `small`, with columns of 1x1-b8, of
                     factor 20 and undivided, for all of them, and a second dataset, `other`, without columns
IMGCALC_TEST_FILES   a folder with some of the images as .ic files of IMGCALC_TEST_FORMAT
IMGCALC_TEST_PLACE   s3://place of an empty place of a store that AWS_* variables lead to
"""

import os
import shutil
from pathlib import Path

import boto3
import numpy as np
import pytest
from PIL import Image

TORCH_TESTS = "test_loaders.py"


def prepared(name: str) -> str:
    value = os.environ.get(name)
    assert value, f"{name} is not set; run `cargo test -p imgcalc-tests --test python`"
    return value


@pytest.fixture(scope="session")
def base() -> Path:
    return Path(prepared("IMGCALC_TEST_BASE"))


@pytest.fixture(scope="session")
def place() -> str:
    return prepared("IMGCALC_TEST_PLACE")


@pytest.fixture(scope="session")
def url(base, place) -> str:
    """The same base in a store."""
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"], region_name=os.environ["AWS_REGION"])
    for file in base.rglob("*"):
        if file.is_file():
            key = file.relative_to(base).as_posix()
            client.upload_file(str(file), place.removeprefix("s3://"), f"some/folder/{key}")
    return f"{place}/some/folder"


@pytest.fixture
def damaged(base, tmp_path) -> Path:
    """A base of its own, to be damaged."""
    shutil.copytree(base, tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture(scope="session")
def source():
    """Pixels, images x rows x columns x 3, class names in order, and the label of each image."""
    folder = Path(prepared("IMGCALC_TEST_IMAGES"))
    classes = sorted(entry.name for entry in folder.iterdir())
    files = [(label, file) for label, name in enumerate(classes) for file in sorted((folder / name).iterdir())]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for _, file in files])
    return pixels, classes, np.array([label for label, _ in files])


@pytest.fixture(scope="session")
def encoded():
    """Pixels and `.ic` file of some images, and the format."""
    folder = Path(prepared("IMGCALC_TEST_FILES"))
    originals = Path(prepared("IMGCALC_TEST_IMAGES"), "even")
    pairs = []
    for file in sorted(folder.rglob("*.ic")):
        original = originals / file.with_suffix(".png").name
        pairs.append((np.asarray(Image.open(original).convert("RGB")), file.read_bytes()))
    assert pairs, f"there is no .ic file in {folder}"
    return pairs, prepared("IMGCALC_TEST_FORMAT")


def pytest_terminal_summary(terminalreporter):
    skipped = {report.fspath for report in terminalreporter.stats.get("skipped", []) if hasattr(report, "fspath")}
    if any(str(path).endswith(TORCH_TESTS) for path in skipped):
        terminalreporter.section("PYTORCH IS NOT INSTALLED: ITS DATASETS WERE NOT EXERCISED", sep="!")

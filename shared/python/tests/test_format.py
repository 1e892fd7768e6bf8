"""Formats as values, and the stubs as a description of what is there."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import imgcalc
from imgcalc import _imgcalc


def test_a_format_has_its_parts_and_equals_its_like():
    format = imgcalc.Format("2x2-r-b32-k8-q50")
    parts = (format.sampling, format.block, format.keep, format.quant, format.side, format.family)
    assert parts == ("2x2-r", 32, 8, 50, 8, "2x2-r-b32")
    assert (str(format), repr(format)) == ("2x2-r-b32-k8-q50", 'Format("2x2-r-b32-k8-q50")')
    assert format == imgcalc.Format(str(format)) != imgcalc.Format("2x2-r-b32-k8-q20")
    assert len({format, imgcalc.Format(str(format)), pickle.loads(pickle.dumps(format))}) == 1
    with pytest.raises(AttributeError):
        format.keep = 3


def test_a_format_tells_the_shape_of_planes():
    assert imgcalc.Format("1x1-b32-k8-q50").shape(256, 128) == (3, 64, 32)
    assert imgcalc.Format("4x4-b8-k15-q1").shape(64, 32, channels=1) == (1, 32, 16)
    assert imgcalc.Format("1x1-b8-k3-q1").kept(16, 16) == 3 * 4 * 6
    for size in [(250, 256), (16, 16), (0, 0), (2**32 - 1, 2**32 - 1)]:
        with pytest.raises(imgcalc.DataError):
            imgcalc.Format("1x1-b32-k8-q50").shape(*size)
    with pytest.raises(imgcalc.DataError, match="channels"):
        imgcalc.Format("1x1-b8-k8-q50").shape(8, 8, channels=2)


@pytest.mark.parametrize(
    "text", ["", "1x1", "3x3-b8-k1-q1", "1x1-b12-k1-q1", "1x1-b8-k16-q1", "1x1-b8-k1-q0", "é" * 999]
)
def test_what_is_no_format_is_refused(text):
    with pytest.raises(imgcalc.DataError):
        imgcalc.Format(text)


def test_errors_are_of_kinds_python_knows():
    assert issubclass(imgcalc.DataError, ValueError) and issubclass(imgcalc.StorageError, OSError)
    assert pickle.loads(pickle.dumps(imgcalc.DataError("why"))).args == ("why",)


def test_the_stubs_name_everything_of_the_native_module_and_nothing_else():
    package = Path(imgcalc.__file__).parent
    assert (package / "py.typed").is_file()
    tree = ast.parse((package / "_imgcalc.pyi").read_text())
    stated = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    there = {name for name in dir(_imgcalc) if not name.startswith("__")}
    assert set(stated) == there
    for name in ("Format", "Manifest", "Footer"):
        members = {member.name for member in stated[name].body if isinstance(member, ast.FunctionDef)}
        native = {member for member in vars(getattr(_imgcalc, name)) if not member.startswith("__")}
        assert {member for member in members if not member.startswith("__")} == native, name


def test_the_package_works_where_there_is_no_torch():
    program = "import sys; sys.modules['torch'] = None; import imgcalc; imgcalc.Format('1x1-b8-k1-q1')"
    subprocess.run([sys.executable, "-c", program], check=True)

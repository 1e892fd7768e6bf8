"""Tests of export_net.py: `python3 -m unittest test_export_net`, with torch; those of torchvision are left out where it is not there."""

import importlib.util
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import torch

import export_net

HERE = pathlib.Path(__file__).parent
MODULE = """
import torch

def make_net(channels, classes, width=4):
    return torch.nn.Sequential(
        torch.nn.Conv2d(channels, width, 3), torch.nn.BatchNorm2d(width), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(width, classes))
"""


def normed():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5))


def exported(module):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "net.pt"
        export_net.export(module, path)
        return path.read_bytes()


def command(*words):
    return subprocess.run(
        [sys.executable, HERE / "export_net.py", *map(str, words)], capture_output=True, text=True, check=False
    )


def shared():
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    net[0].weight = net[1].weight
    return net


def named_input():
    net = torch.nn.Module()
    net.input = torch.nn.Linear(1, 1)
    return net


class Export(unittest.TestCase):
    def test_running_statistics_are_parameters_and_whole_numbers_stay(self):
        module = normed()
        script = torch.jit.load(io.BytesIO(exported(module)))
        found = {name: (value.requires_grad, value.dtype) for name, value in script.named_parameters()}
        self.assertEqual(found["1.running_mean"], (False, torch.float32))
        self.assertEqual(found["1.num_batches_tracked"], (False, torch.int64))
        self.assertEqual(found["0.weight"], (True, torch.float32))
        self.assertEqual(list(script.named_buffers()), [])
        self.assertEqual(len(list(module.named_buffers())), 3, "the module is left as it is")

    def test_training_and_evaluation_differ(self):
        script = torch.jit.load(io.BytesIO(exported(normed())))
        images = torch.arange(2 * 36.0).sin().reshape(2, 1, 6, 6)
        self.assertTrue((script.train()(images) == 0).any())
        before = script.eval()(images)
        self.assertFalse((before == 0).any())
        script.train()(images)
        self.assertFalse(torch.equal(script.eval()(images), before))

    def test_equal_nets_give_equal_files_without_names_of_this_machine(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "mine.py").write_text(MODULE)
            files = []
            for name in ("one.pt", "two.pt"):
                words = ["--module", f"{folder}/mine.py:make_net", "--classes", 3, "--channels", 1]
                done = command(*words, "--kwargs", '{"width": 5}', "--out", folder / name)
                self.assertEqual(done.returncode, 0, done.stderr)
                files.append((folder / name).read_bytes())
            self.assertEqual(*files)
            self.assertEqual(sorted(path.name for path in folder.glob("*.pt*")), ["one.pt", "two.pt"])
        with zipfile.ZipFile(io.BytesIO(files[0])) as archive:
            for name in archive.namelist():
                self.assertNotIn(str(folder).encode(), archive.read(name), name)

    def test_what_cannot_be_trained_is_refused(self):
        images = torch.zeros(2, 4)
        linear = torch.nn.Linear(4, 4)
        for module, reason in [
            (torch.nn.Linear(4, 4).half(), "convert the module with .float()"),
            (torch.nn.Flatten(), "no parameter"),
            (torch.jit.script(linear), "already"),
            (torch.jit.trace(linear, images), "already"),
            (torch.nn.Sequential(torch.jit.trace(linear, images)), "already"),
            (torch.nn.BatchNorm2d(1, momentum=None), "momentum"),
            (torch.nn.LazyLinear(3), "no shape yet"),
            (shared(), "are one"),
            (named_input(), "is taken"),
        ]:
            with self.assertRaises(export_net.Refused) as refused:
                exported(module)
            self.assertIn(reason, str(refused.exception))

    def test_what_the_command_cannot_find_is_named(self):
        done = command("--module", "no.py:make", "--classes", 3, "--out", "never.pt")
        self.assertEqual((done.returncode, done.stderr), (1, "error: there is no no.py\n"))

    @unittest.skipUnless(importlib.util.find_spec("torchvision"), "needs torchvision")
    def test_a_net_for_grey_images_answers_as_that_for_equal_channels(self):
        torch.manual_seed(0)
        colour = export_net.from_torchvision("resnet18", 3, 5, {}).eval()
        torch.manual_seed(0)
        grey = export_net.from_torchvision("resnet18", 1, 5, {}).eval()
        image = torch.arange(32 * 32.0).sin().reshape(1, 1, 32, 32)
        equal = torch.allclose(colour(image.expand(1, 3, 32, 32)), grey(image), atol=1e-4)
        self.assertTrue(equal)


if __name__ == "__main__":
    unittest.main()

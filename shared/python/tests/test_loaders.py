"""The same values through PyTorch's loaders, forked and spawned."""

import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

import imgcalc

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
DataLoader = torch.utils.data.DataLoader

FORMAT = "1x1-b8-k5-q20"
# A process that torch's own threads run in is forked: newer Pythons warn of that.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def ds(base):
    return imgcalc.Dataset(base, "small", format=FORMAT)


def pairs(planes, labels):
    return [(image.numpy().tobytes(), int(label)) for image, label in zip(planes, labels)]


def loaded(loader):
    return [pair for planes, labels in loader for pair in pairs(planes, labels)]


@pytest.fixture(scope="module")
def expected(ds):
    planes, labels = ds.arrays()
    return [(image.tobytes(), int(label)) for image, label in zip(planes, labels)]


@pytest.mark.parametrize("workers, start", [(0, None), (2, "fork"), (2, "spawn")])
def test_a_map_style_dataset_loads_in_order(ds, expected, workers, start):
    loader = DataLoader(ds.torch(), batch_size=100, num_workers=workers, multiprocessing_context=start)
    planes, labels = next(iter(loader))
    assert (planes.dtype, planes.shape, labels.dtype) == (torch.int16, (100, *ds.shape), torch.int64)
    assert loaded(loader) == expected


@pytest.mark.parametrize("workers, start", [(0, None), (2, "fork"), (2, "spawn"), (5, "fork")])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_stream_holds_each_image_once_however_many_workers_share_it(ds, expected, workers, start, shuffle):
    stream = ds.torch(iterable=True, shuffle=shuffle, batch_size=64)
    loader = DataLoader(stream, batch_size=None, num_workers=workers, multiprocessing_context=start)
    assert Counter(loaded(loader)) == Counter(expected)
    one_by_one = DataLoader(ds.torch(iterable=True, shuffle=shuffle), batch_size=64, num_workers=workers)
    assert Counter(loaded(one_by_one)) == Counter(expected)
    if workers == 0:
        assert (loaded(loader) == expected) == (not shuffle)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_from_a_store(url, expected, start):
    stored = imgcalc.Dataset(url, "small", format=FORMAT)
    stored[0]
    stream = stored.torch(iterable=True, batch_size=64)
    loader = DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context=start)
    assert Counter(loaded(loader)) == Counter(expected)


def test_an_order_follows_from_seed_and_epoch(ds, expected):
    def order(seed, epoch, workers=0, buffer=4):
        stream = ds.torch(iterable=True, shuffle=True, seed=seed, batch_size=64, buffer=buffer)
        stream.set_epoch(epoch)
        return loaded(DataLoader(stream, batch_size=None, num_workers=workers))

    assert order(1, 0) == order(1, 0) and order(1, 0, workers=2) == order(1, 0, workers=2)
    orders = [tuple(order(seed, epoch)) for seed in (1, 2, -3, 2**70) for epoch in (0, 1)]
    assert len(set(orders)) == len(orders)
    # Images of two row groups are mixed, and with a buffer of one they are not.
    places = {pair: place for place, pair in enumerate(expected)}
    assert len(places) == len(expected), "the images are all different"

    def changes(pairs):
        groups = [places[pair] // 1024 for pair in pairs]
        return sum(one != other for one, other in pairwise(groups))

    assert changes(order(1, 0)) > 300 and changes(order(1, 0, buffer=1)) == 1


def test_workers_that_outlive_an_epoch_learn_of_the_next(ds):
    for start in ("fork", "spawn"):
        stream = ds.torch(iterable=True, shuffle=True, seed=5, batch_size=64)
        loader = DataLoader(
            stream, batch_size=None, num_workers=2, persistent_workers=True, multiprocessing_context=start
        )
        first = loaded(loader)
        assert loaded(loader) == first
        stream.set_epoch(1)
        assert loaded(loader) != first


def test_without_a_seed_torchs_decides_and_no_two_epochs_are_alike(ds):
    for workers in (0, 2):
        loader = DataLoader(ds.torch(iterable=True, shuffle=True, batch_size=64), batch_size=None, num_workers=workers)
        torch.manual_seed(3)
        first, second = loaded(loader), loaded(loader)
        assert first != second
        torch.manual_seed(3)
        assert (loaded(loader), loaded(loader)) == (first, second)


def test_shards_share_out_the_split(ds, expected):
    found = []
    for index in range(2):
        stream = ds.torch(iterable=True, shuffle=True, seed=1, shard=(index, 2))
        found.append(Counter(loaded(DataLoader(stream, batch_size=64))))
    assert found[0] and found[1] and found[0] + found[1] == Counter(expected)


def test_each_row_group_is_read_once(base, ds):
    own = imgcalc.Dataset(base, "small", format=FORMAT)
    stream = own.torch(iterable=True, shuffle=True, batch_size=64)
    list(stream)
    before = own.base.requests
    list(stream)
    assert own.base.requests - before == own.row_group_count


def test_a_transform_sees_tensors(ds):
    halved = ds.torch(transform=lambda planes: planes.float() / 2)
    assert torch.equal(halved[3][0], torch.from_numpy(ds[3][0]).float() / 2)
    batches = list(ds.torch(iterable=True, batch_size=500, transform=lambda planes: planes[:, :1]))
    assert batches[0][0].shape == (500, 1, *ds.shape[1:]) and len(batches[-1][1]) == len(ds) % 500


def test_damage_reaches_the_one_who_loads(damaged):
    file = sorted((damaged / "columns").rglob("rg-00001"))[0]
    file.write_bytes(file.read_bytes()[:3000] + bytes(100) + file.read_bytes()[3100:])
    ds = imgcalc.Dataset(damaged, "small", format=FORMAT)
    loader = DataLoader(ds.torch(iterable=True, batch_size=64), batch_size=None, num_workers=1)
    with pytest.raises(imgcalc.DataError, match="rg-00001.*damaged"):
        list(loader)


def test_what_does_not_go_together_is_refused(ds):
    for wrong in (
        {"shuffle": True},
        {"batch_size": 4},
        {"iterable": True, "buffer": 0},
        {"iterable": True, "shard": (2, 2)},
    ):
        with pytest.raises(ValueError):
            ds.torch(**wrong)
    with pytest.raises(ValueError, match="the same seed"):
        ds.torch(iterable=True, shuffle=True, shard=(0, 2))


def test_the_example_trains(base):
    example = Path(__file__).parents[1] / "examples" / "train.py"
    program = [sys.executable, str(example), f"file://{base}", FORMAT, "small"]
    said = subprocess.run(program, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert said.returncode == 0, said.stderr
    recognised = float(said.stdout.split()[1].rstrip("%"))
    assert recognised > 90, said.stdout

"""Training in PyTorch from JPEG files, full-size pixels: a DataLoader that decodes in worker processes."""

import time

import torch
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.datasets.folder import find_classes, make_dataset
from torchvision.io import ImageReadMode, decode_jpeg, read_file

import train


class Folder(Dataset):
    """One folder a class, as torchvision's ImageFolder, but decoded by torchvision itself, which is faster than Pillow."""

    def __init__(self, root):
        names, index = find_classes(root)
        self.classes = len(names)
        self.files = make_dataset(root, index, extensions=(".jpg",))
        self.mean, self.scale = torch.tensor(127.5), torch.tensor(1 / 64)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, number):
        path, label = self.files[number]
        pixels = decode_jpeg(read_file(path), mode=ImageReadMode.RGB)
        return pixels.float().sub_(self.mean).mul_(self.scale), label


_open = {}


def loader_of(folder, count, batch, workers):
    # Spread over all classes: the first files are of one.
    chosen = torch.randperm(len(folder), generator=torch.Generator().manual_seed(1))[:count].tolist()
    return DataLoader(
        Subset(folder, chosen),
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
        pin_memory=train.DEVICE.type == "cuda",
    )


def open_folder(root, count, batch, workers):
    """Starts the worker processes; they stay until the folder is closed."""
    folder = Folder(root)
    assert len(folder) >= count, f"{root} holds {len(folder)} files, {count} are asked for"
    _open["folder"], _open["loader"] = folder, loader_of(folder, count, batch, workers)
    for _ in _open["loader"]:
        pass
    return {"images": count}


def close():
    _open.clear()
    return {}


def epochs(net, hyper):
    """Images a second over all epochs of a training, from the first file asked for to the last step."""
    loader = _open["loader"]
    training = train.Training(net, 3, _open["folder"].classes, hyper, hyper["epochs"] * len(loader))
    every = min(max(len(loader) // 8, 1), train.STEPS_UNSEEN_MAX)
    images = 0
    train.synchronize()
    start = time.perf_counter()
    for _ in range(hyper["epochs"]):
        for step, (pixels, labels) in enumerate(loader, 1):
            pixels = pixels.to(train.DEVICE, non_blocking=True)
            training.step(pixels, labels.to(train.DEVICE, non_blocking=True))
            images += len(labels)
            if step % every == 0 or step == len(loader):
                training.look()
    return {"images_per_second": images / (time.perf_counter() - start)}


def decode(root, count):
    """Seconds of one core to read, decode and convert a file."""
    folder = Folder(root)
    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        folder[0]
        start = time.process_time()
        for number in range(count):
            folder[number % len(folder)]
        return {"seconds": (time.process_time() - start) / count}
    finally:
        torch.set_num_threads(torch_threads)

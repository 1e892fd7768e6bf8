"""Does what the benchmark asks: one JSON object a line on stdin, one answer a line on stdout."""

import json
import os
import sys

import torch
import torchvision

import augment
import jpeg
import train


def start(threads):
    """The first thing asked: threads of an operation, as ours has."""
    torch.set_num_threads(threads)
    return {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": sys.version.split()[0],
        "device": train.DEVICE.type,
    }


DEEDS = {
    "start": start,
    "train": train.resident,
    "open_jpeg": jpeg.open_folder,
    "train_jpeg": jpeg.epochs,
    "close_jpeg": jpeg.close,
    "decode": jpeg.decode,
    "augment": augment.measure,
}


def main():
    # What a library prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = DEEDS[ask.pop("do")](**ask)
        except Exception as error:  # the benchmark names it and ends
            import traceback

            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

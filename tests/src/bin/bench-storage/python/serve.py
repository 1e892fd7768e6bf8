"""Does what the benchmark asks: one JSON object a line on stdin, one answer a line on stdout.

All of it runs on one core, whose CPU time is what counts; thread pools take their size from the cores they may use.
"""

import json
import os
import sys

ALL_CORES = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, ALL_CORES[-1:])

import columns  # noqa: E402  (libraries count the cores when they are loaded)
import images  # noqa: E402
import photos  # noqa: E402

DEEDS = {
    "versions": columns.versions,
    "photos": photos.prepare,
    "write": columns.write,
    "read": columns.read,
    "per_image": images.per_image,
    "read_per_image": images.read_per_image,
    "pictures": images.pictures,
    "read_pictures": images.read_pictures,
    "decode_all": lambda **ask: images.decode_all(cores=ALL_CORES, **ask),
}


def main():
    # What a library prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = DEEDS[ask.pop("do")](**ask)
        except photos.TooFew as refused:
            answer = {"refused": str(refused)}
        except Exception as error:  # the benchmark names it and ends
            import traceback

            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

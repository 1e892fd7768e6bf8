"""The recorded grid as a function of a point: between its points the curves are interpolated, as `hyper/surrogate.rs` does."""

import csv
import itertools
import math

import numpy as np


class Surrogate:
    """Curves of validation accuracy over the points of `parameters`, which are written as a build's spec has them."""

    def __init__(self, table, parameters):
        with open(table, newline="") as lines:
            rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        self.names = sorted(parameters)
        self.kinds = [next(iter(parameters[name])) for name in self.names]
        epochs = [name for name in rows[0] if name.startswith("epoch_")]
        places = [[self.place(kind, float(row[name])) for kind, name in zip(self.kinds, self.names)] for row in rows]
        self.axes = [sorted(set(axis)) for axis in zip(*places)]
        self.curves = np.full([len(axis) for axis in self.axes] + [len(epochs)], np.nan)
        for row, place in zip(rows, places):
            at = tuple(axis.index(value) for axis, value in zip(self.axes, place))
            self.curves[at] = [float(row[name]) for name in epochs]
        assert not np.isnan(self.curves).any(), "the table lacks a point of its grid"

    @staticmethod
    def place(kind, value):
        return math.log(value) if kind == "log" else value

    def curve(self, point):
        """Accuracy after each epoch."""
        sides = []
        for kind, name, axis in zip(self.kinds, self.names, self.axes):
            place = self.place(kind, point[name])
            if kind == "choice":
                sides.append([(axis.index(place), 1.0)])
                continue
            after = next((at for at in range(1, len(axis) - 1) if place < axis[at]), len(axis) - 1)
            share = (place - axis[after - 1]) / (axis[after] - axis[after - 1])
            share = min(max(share, 0.0), 1.0)
            sides.append([(after - 1, 1.0 - share), (after, share)])
        corners = itertools.product(*sides)
        return sum(
            math.prod(weight for _, weight in corner) * self.curves[tuple(at for at, _ in corner)] for corner in corners
        )

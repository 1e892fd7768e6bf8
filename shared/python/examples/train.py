"""Trains a small net on the columns of a dataset: train.py BASE FORMAT [NAME]"""

# %%
import sys

import imgcalc
import torch
from torch import nn

base, format, *name = sys.argv[1:]
torch.manual_seed(1)

# %%
train = imgcalc.Dataset(base, *name, format=format, images="stored")
sample = torch.from_numpy(next(train.row_groups())[0]).float()
mean, scale = sample.mean(0), sample.std(0) + 1  # coefficients of low frequency are far larger than others
net = nn.Sequential(nn.Flatten(), nn.Linear(mean.numel(), 256), nn.ReLU(), nn.Linear(256, len(train.classes)))
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
stream = train.torch(iterable=True, shuffle=True, batch_size=128)
for _ in range(5):
    for planes, labels in torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net((planes - mean) / scale), labels).backward()
        optimiser.step()

# %%
planes, labels = imgcalc.Dataset(base, *name, format=format, split="validation", images="stored").arrays()
right = net((torch.from_numpy(planes) - mean) / scale).argmax(1) == torch.from_numpy(labels)
print(f"{format}: {right.float().mean():.1%} of {len(labels)} images are recognised")

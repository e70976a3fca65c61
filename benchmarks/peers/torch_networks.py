"""The same networks in torch, and batches from memory."""

import itertools
import os
from collections.abc import Iterator

import torch
from torch import nn
from works import CHANNELS, CLASSES, DISCRIMINATOR, Data, Work

torch.set_num_threads(int(os.environ.get("PEERS_THREADS", "2")))
torch.set_default_device(os.environ.get("PEERS_DEVICE", "cpu"))


def encoder(work: Work) -> nn.Sequential:
    """MLP or LeNet, ending in features."""
    layers: list[nn.Module] = []
    size = work.shape[0]
    if work.network == "lenet":
        channels = (work.shape[2], *CHANNELS)
        for before, after in itertools.pairwise(channels):
            layers += [nn.Conv2d(before, after, 5, padding=2), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        layers += [nn.Flatten()]
        size = CHANNELS[-1] * (work.shape[0] // 2 ** len(CHANNELS)) ** 2
    for before, after in itertools.pairwise((size, *work.hidden)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)


def head(work: Work) -> nn.Linear:
    """Features to class logits."""
    return nn.Linear(work.hidden[-1], CLASSES)


def discriminator(work: Work) -> nn.Sequential:
    """Features to one logit [n]."""
    return nn.Sequential(
        nn.Linear(work.hidden[-1], DISCRIMINATOR),
        nn.ReLU(),
        nn.Linear(DISCRIMINATOR, 1),
        nn.Flatten(0),
    )


def tensors(rows: Data) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Channels first, as torch wants images."""
    x, target = torch.from_numpy(rows.x), torch.from_numpy(rows.target)
    if x.ndim == 4:
        x, target = (t.permute(0, 3, 1, 2).contiguous() for t in (x, target))
    device = torch.get_default_device()
    return x.to(device), torch.from_numpy(rows.y).to(device), target.to(device)


def batches(rows: int, batch: int, steps: int) -> Iterator[torch.Tensor]:
    """Row numbers, epoch after epoch, each a new permutation."""
    per_epoch = rows // batch
    order = torch.empty(0)
    for step in range(steps):
        at = step % per_epoch
        if at == 0:
            order = torch.randperm(rows)
        yield order[at * batch : (at + 1) * batch]

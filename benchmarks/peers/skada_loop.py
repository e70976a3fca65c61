"""skada: its nets' ``train_step`` (skorch), fed from memory.

Its own loader collates single rows, which costs far more than these steps; batches
are handed to it ready-made instead. Its reversal has a constant weight 1.
"""

import importlib.metadata

import torch
from skada.deep import DANN, DeepCoral, SourceOnly
from skada.deep.modules import GradientReversalLayer
from torch import nn
from torch_networks import batches, discriminator, encoder, head, tensors
from worker import work
from works import LEARNING_RATE, MOMENTUM, WORKS, Work, data


class Network(nn.Module):
    """Encoder and head under the names that skada hooks into."""

    def __init__(self, own: Work) -> None:
        super().__init__()
        self.features = encoder(own)
        self.head = head(own)

    def forward(self, x, sample_weight=None):
        """Class logits."""
        del sample_weight
        return self.head(self.features(x))


class Reversed(nn.Module):
    """skada's own domain classifier but for its batch norm, dropout and sigmoid."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, features):
        """Domain logits."""
        return self.classifier(GradientReversalLayer.apply(features, 1.0))


def net(method: str, own: Work):
    """A skorch net with fresh parameters."""
    options = {
        "optimizer": torch.optim.SGD,
        "optimizer__lr": LEARNING_RATE,
        "optimizer__momentum": MOMENTUM,
        "optimizer__nesterov": True,
        "train_split": None,
        "verbose": 0,
        "callbacks": None,
    }
    module = Network(own)
    if method == "source_only":
        return SourceOnly(module, **options)
    if method == "deep_coral":
        return DeepCoral(module, "features", **options)
    return DANN(
        module,
        "features",
        domain_classifier=Reversed(discriminator(own)),
        domain_criterion=nn.BCEWithLogitsLoss(),
        **options,
    )


def train(name: str, method: str, seeds: int, steps: int) -> tuple[int, float]:
    """Trains the seeds of a method in turn."""
    own = WORKS[name]
    x, y, target = tensors(data(own))
    hidden = torch.full((own.batch,), -1)
    domains = torch.cat([torch.ones(own.batch), -torch.ones(own.batch)])
    updates, loss = 0, torch.tensor(0.0)
    for seed in range(seeds):
        torch.manual_seed(seed)
        trained = net(method, own).initialize()
        order = zip(
            batches(len(x), own.batch, steps),
            batches(len(target), own.batch, steps),
            strict=True,
        )
        updates = 0
        for i, j in order:
            if method == "source_only":
                rows, labels, domain = x[i], y[i], domains[: own.batch]
            else:
                rows = torch.cat([x[i], target[j]])
                labels, domain = torch.cat([y[i], hidden]), domains
            batch = ({"X": rows, "sample_domain": domain}, labels)
            loss = trained.train_step(batch)["loss"]
            updates += 1
    return updates, loss.item()


if __name__ == "__main__":
    names = ("torch", "skada", "skorch")
    work(train, {name: importlib.metadata.version(name) for name in names})

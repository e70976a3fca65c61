# ruff: noqa: E402
"""pytorch-adapt: its adapters' ``training_step``, fed from memory.

Its own DataLoader costs another quarter; batches are handed to it ready-made instead.
Its reversal has a constant weight 1, and its containers hold one optimiser per model.
"""

import importlib.metadata

import torch

# torchvision, which pytorch-adapt imports for its data sets, is built for CUDA and
# does not register its operators beside a CPU build of torch; none is used here.
_OPERATORS = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _OPERATORS.define(f"{_name}(Tensor boxes, Tensor scores, float iou) -> Tensor")

from pytorch_adapt import adapters
from pytorch_adapt.containers import Models, Optimizers
from pytorch_adapt.hooks import AlignerHook
from pytorch_adapt.layers import CORALLoss
from torch_networks import batches, discriminator, encoder, head, tensors
from worker import work
from works import LEARNING_RATE, MOMENTUM, WORKS, Work, data

SGD = (
    torch.optim.SGD,
    {"lr": LEARNING_RATE, "momentum": MOMENTUM, "nesterov": True},
)


def adapter(method: str, own: Work) -> adapters.BaseAdapter:
    """An adapter with fresh models."""
    models = {"G": encoder(own), "C": head(own)}
    if method == "dann":
        models["D"] = discriminator(own)
    containers = {"models": Models(models), "optimizers": Optimizers(SGD)}
    if method == "source_only":
        return adapters.Classifier(**containers)
    if method == "deep_coral":
        # The default aligns features and logits; Deep CORAL has one layer here too.
        aligner = AlignerHook(CORALLoss(), layer="features")
        options = {"aligner_hook": aligner, "softmax": False}
        return adapters.Aligner(**containers, hook_kwargs=options)
    return adapters.DANN(**containers)


def train(name: str, method: str, seeds: int, steps: int) -> tuple[int, float]:
    """Trains the seeds of a method in turn."""
    own = WORKS[name]
    x, y, target = tensors(data(own))
    zeros, ones = (torch.full((own.batch,), float(d)) for d in (0, 1))
    updates, losses = 0, {}
    for seed in range(seeds):
        torch.manual_seed(seed)
        trained = adapter(method, own)
        order = zip(
            batches(len(x), own.batch, steps),
            batches(len(target), own.batch, steps),
            strict=True,
        )
        updates = 0
        for i, j in order:
            batch = {"src_imgs": x[i], "src_labels": y[i], "src_domain": zeros}
            if method != "source_only":
                batch |= {"target_imgs": target[j], "target_domain": ones}
            losses = trained.training_step(batch)
            updates += 1
    return updates, float(losses["total_loss"]["src_c_loss"])


if __name__ == "__main__":
    names = ("torch", "pytorch-adapt")
    work(train, {name: importlib.metadata.version(name) for name in names})

"""Plain torch: the loop that a careful user writes, seeds one after another."""

import math

import torch
from torch.nn import functional
from torch_networks import batches, discriminator, encoder, head, tensors
from worker import work
from works import LEARNING_RATE, MOMENTUM, WORKS, data


class ReverseGradient(torch.autograd.Function):
    """The identity; its gradient is scaled by ``-strength``."""

    @staticmethod
    def forward(ctx, x, strength):
        """Returns ``x`` itself."""
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        """Turns the gradient around."""
        return -ctx.strength * gradient, None


def coral(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared distance of covariances over 4 d^2."""
    difference = torch.cov(source.T) - torch.cov(target.T)
    return difference.square().sum() / (4 * source.shape[1] ** 2)


def train(name: str, method: str, seeds: int, steps: int) -> tuple[int, float]:
    """Trains the seeds of a method in turn."""
    own = WORKS[name]
    x, y, target = tensors(data(own))
    updates, loss = 0, torch.tensor(0.0)
    domains = torch.cat([torch.ones(own.batch), torch.zeros(own.batch)])
    for seed in range(seeds):
        torch.manual_seed(seed)
        network, classifier = encoder(own), head(own)
        domain = discriminator(own)
        modules = [network, classifier, *([domain] if method == "dann" else [])]
        parameters = [p for module in modules for p in module.parameters()]
        optimizer = torch.optim.SGD(parameters, LEARNING_RATE, MOMENTUM, nesterov=True)
        order = zip(
            batches(len(x), own.batch, steps),
            batches(len(target), own.batch, steps),
            strict=True,
        )
        updates = 0
        for step, (i, j) in enumerate(order):
            optimizer.zero_grad(set_to_none=True)
            if method == "source_only":
                loss = functional.cross_entropy(classifier(network(x[i])), y[i])
                total = loss
            else:
                features = network(torch.cat([x[i], target[j]]))
                source = features[: own.batch]
                loss = functional.cross_entropy(classifier(source), y[i])
                if method == "deep_coral":
                    total = loss + coral(source, features[own.batch :])
                else:
                    strength = 2 / (1 + math.exp(-10 * step / steps)) - 1
                    logits = domain(ReverseGradient.apply(features, strength))
                    total = loss + functional.binary_cross_entropy_with_logits(
                        logits, domains
                    )
            total.backward()
            optimizer.step()
            updates += 1
    return updates, loss.item()


if __name__ == "__main__":
    work(train, {"torch": torch.__version__})

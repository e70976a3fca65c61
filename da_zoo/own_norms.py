"""What methods need that live off the target's own batch-norm scale and shift."""

import functools
from typing import Any

import jax

from da_zoo.batch_norm import TARGET_NORMS
from da_zoo.classifier import Classifier
from da_zoo.settings import Training
from da_zoo.types import Batch, Key

__all__ = ["NORMS", "requiring_norms", "with_own_norms"]

NORMS = TARGET_NORMS
"""The parameter group that holds them, and nothing else."""


def with_own_norms(training: Training, method: str) -> Training:
    """Sets the policy "domain_specific", which such a method has by nature.

    Args:
        training: the shared settings; "joint", the default, and "separate" are read as
            "domain_specific".
        method: its name, for the message.

    Raises:
        ValueError: if the policy is "frozen".
    """
    if training.batch_norm == "frozen":
        raise ValueError(
            f'batch_norm="frozen" leaves {method} nothing to adapt; use '
            '"domain_specific"'
        )
    return training._replace(batch_norm="domain_specific")


@functools.lru_cache(maxsize=64)
def _requiring(init_params: Any, network: str, method: str) -> Any:
    def init(key: Key, batch: Batch) -> Any:
        params, stats, extra = init_params(key, batch)
        if not jax.tree.leaves(params.get(NORMS)):
            raise ValueError(
                f"{method} adapts the scale and shift of batch normalisation, and "
                f"network {network!r} has none; use one with batch normalisation"
            )
        return params, stats, extra

    return init


def requiring_norms(model: Classifier, network: str, method: str) -> Classifier:
    """Makes a classifier refuse networks without batch normalisation, when built.

    Args:
        model: under the policy "domain_specific".
        network: its name, for the message.
        method: likewise.
    """
    return model._replace(init_params=_requiring(model.init_params, network, method))

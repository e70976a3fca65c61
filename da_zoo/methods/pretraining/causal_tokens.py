"""Causal tokens: predict each token of a text from those before it (GPT)."""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from da_zoo.losses.tokens import token_accuracy, token_cross_entropy
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.methods.pretraining.vocabulary import (
    check_id,
    check_texts,
    decoder_init,
    tied_logits,
    tokens_of,
)
from da_zoo.network import Network
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["causal_tokens"]


@functools.lru_cache(maxsize=64)
def _objective(vocabulary: int, pad_id: int, tied: bool) -> Objective:
    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        del key, hparams
        tokens = rows.x.astype(jnp.int32)
        if tokens.ndim != 2 or tokens.shape[1] < 2:
            raise ValueError(
                "token ids must have shape [n, length] of at least two tokens, got "
                f"{list(tokens.shape)}"
            )
        return Prepared(tokens, rows.weight, tokens)

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        del prepared
        width = tokens_of(outputs).shape[2]
        return {"token_logits": decoder_init(key, width, vocabulary, tied)}

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del hparams
        logits = tied_logits(params, params["token_logits"], tokens_of(outputs)[:, :-1])
        labels = prepared.goal[:, 1:]
        counted = (logits, labels, labels != pad_id)
        return token_cross_entropy(*counted, weight=prepared.weight), {
            "accuracy": token_accuracy(*counted, weight=prepared.weight)
        }

    return Objective(prepare, init, loss)


def causal_tokens(
    network: Network,
    *,
    vocabulary: int,
    pad_id: int,
    tied: bool = True,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds causal language modelling.

    Args:
        network: an encoder of texts whose tokens see those before them only, with a
            stage "tokens": gpt2. One that looks ahead learns to copy.
        vocabulary: number of token ids, the network's own.
        pad_id: of padding, which is not to be predicted.
        tied: whether the logits' matrix is the network's own embedding table.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target": ids [n, length], int32.

    Raises:
        ValueError: for an invalid setting or id; before training, for a network
            without outputs per token or with another vocabulary.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name(
        ...     "gpt2", vocabulary=30, width=8, depth=1, heads=2, pad_id=0
        ... )
        >>> recipe = causal_tokens(network, vocabulary=30, pad_id=0)
        >>> [phase.name for phase in recipe]
        ['pretrain']

    References:
        Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
    """
    check_id("pad_id", pad_id, vocabulary)
    objective = _objective(vocabulary, pad_id, bool(tied))
    return self_supervised(network, objective, resolve_pretraining(**settings), {})


def _check(x: Shaped[np.ndarray, "n ..."], options: Mapping[str, Any]) -> None:
    check_texts(x, options["vocabulary"], 2)


SPEC = TaskSpec(
    name="causal_tokens",
    factory=causal_tokens,
    summary="Predict each token of a text from those before it (GPT-2).",
    inputs="tokens",
    paper=(
        "Radford, Wu, Child, Luan, Amodei and Sutskever, Language Models are "
        "Unsupervised Multitask Learners, 2019."
    ),
    year=2019,
    bibtex="""@techreport{radford2019language,
  title = {Language Models are Unsupervised Multitask Learners},
  author = {Radford, Alec and Wu, Jeffrey and Child, Rewon and Luan, David and
            Amodei, Dario and Sutskever, Ilya},
  institution = {OpenAI},
  year = {2019}
}""",
    departures=(
        "One text per row, padded, where the authors pack texts into full contexts; "
        "a bias on the logits; a cosine decay without warm-up."
    ),
    check=_check,
)

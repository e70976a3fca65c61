"""Masked tokens: predict hidden tokens of a text from those around them (BERT)."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from da_zoo.dense import dense_apply, dense_init
from da_zoo.losses.tokens import token_accuracy, token_cross_entropy
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
    within,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.methods.pretraining.vocabulary import (
    check_id,
    check_texts,
    decoder_init,
    tied_logits,
    tokens_of,
)
from da_zoo.models.transformer import gelu, layer_norm
from da_zoo.network import Network
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["hide_tokens", "masked_tokens"]

MASKED, RANDOM = 0.8, 0.1
"""Of the chosen tokens, how many become [MASK] and how many another token."""


def hide_tokens(
    key: Key,
    tokens: Int[Array, "n t"],
    *,
    share: float | Float[Array, ""],
    vocabulary: int,
    mask_id: int,
    special_ids: tuple[int, ...],
) -> tuple[Int[Array, "n t"], Bool[Array, "n t"]]:
    """Chooses tokens to predict, and hides most of them.

    Each is chosen with probability ``share``, and at least one of every text: the one
    that came nearest. Of those chosen 80 % become the mask, 10 % a random token and
    10 % stay.

    Args:
        key: of the draws.
        tokens: [n, t].
        share: probability of being chosen, in (0, 1).
        vocabulary: number of ids.
        mask_id: of the mask.
        special_ids: ids that are never chosen, nor drawn as random tokens: padding,
            [CLS], [SEP]. The mask is one by itself.

    Returns:
        The tokens that the encoder sees, and which of them were chosen.

    Example:
        >>> hidden, chosen = hide_tokens(
        ...     jax.random.key(0),
        ...     jnp.array([[1, 7, 8, 2, 0]]),
        ...     share=0.15,
        ...     vocabulary=30,
        ...     mask_id=3,
        ...     special_ids=(0, 1, 2),
        ... )
        >>> int(chosen.sum()) >= 1, chosen[0, [0, 3, 4]].tolist()
        (True, [False, False, False])

    References:
        Devlin et al., "BERT", NAACL 2019, section 3.1.
    """
    fixed = sorted({*special_ids, mask_id})
    ordinary = jnp.asarray(np.setdiff1d(np.arange(vocabulary), fixed), jnp.int32)
    key_choice, key_fate, key_token = jax.random.split(key, 3)
    eligible = ~jnp.isin(tokens, jnp.asarray(fixed))
    draw = jnp.where(eligible, jax.random.uniform(key_choice, tokens.shape), 2.0)
    nearest = draw == jnp.min(draw, axis=1, keepdims=True)
    chosen = eligible & ((draw < share) | nearest)
    fate = jax.random.uniform(key_fate, tokens.shape)
    at = jax.random.randint(key_token, tokens.shape, 0, len(ordinary))
    replaced = jnp.where(fate < MASKED + RANDOM, ordinary[at], tokens)
    replaced = jnp.where(fate < MASKED, mask_id, replaced)
    return jnp.where(chosen, replaced, tokens), chosen


class _Words(NamedTuple):
    vocabulary: int
    mask_id: int
    special_ids: tuple[int, ...]


@functools.lru_cache(maxsize=64)
def _objective(words: _Words, tied: bool) -> Objective:
    norm = layer_norm(1e-12, "norm")

    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        tokens = rows.x.astype(jnp.int32)
        seen, chosen = hide_tokens(
            key, tokens, share=hparams["share"], **words._asdict()
        )
        return Prepared(seen, rows.weight, (tokens, chosen))

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        del prepared
        width = tokens_of(outputs).shape[2]
        key_transform, key_logits = jax.random.split(key)
        return {
            "token_transform": {
                "dense": dense_init(key_transform, (width, width)),
                "norm": norm.init(key, jnp.zeros((1, width)))["params"],
            },
            "token_logits": decoder_init(key_logits, width, words.vocabulary, tied),
        }

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del hparams
        tokens, chosen = prepared.goal
        hidden = tokens_of(outputs)
        layers = params["token_transform"]
        flat = dense_apply(layers["dense"], hidden.reshape(-1, hidden.shape[2]))
        flat = jnp.asarray(norm.apply({"params": layers["norm"]}, gelu(flat)))
        logits = tied_logits(params, params["token_logits"], flat.reshape(hidden.shape))
        counted = (logits, tokens, chosen)
        return token_cross_entropy(*counted, weight=prepared.weight), {
            "accuracy": token_accuracy(*counted, weight=prepared.weight)
        }

    return Objective(prepare, init, loss)


def masked_tokens(
    network: Network,
    *,
    vocabulary: int,
    mask_id: int,
    special_ids: tuple[int, ...] = (),
    pad_id: int = 0,
    share: float = 0.15,
    tied: bool = True,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds masked language modelling.

    Args:
        network: an encoder of texts whose outputs have a stage "tokens".
        vocabulary: number of token ids, the network's own.
        mask_id: of [MASK].
        special_ids: of [CLS], [SEP] and others that are never hidden.
        pad_id: of padding, never hidden either.
        share: probability that a token is to be predicted, in (0, 1); traced.
        tied: whether the logits' matrix is the network's own embedding table.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target": ids [n, length], int32.

    Raises:
        ValueError: for an invalid setting, share or id; before training, for a network
            without outputs per token or with another vocabulary.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("bert", vocabulary=30, width=8, depth=1, heads=2)
        >>> recipe = masked_tokens(
        ...     network, vocabulary=30, mask_id=3, special_ids=(1, 2)
        ... )
        >>> [phase.name for phase in recipe]
        ['pretrain']

    References:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding", NAACL 2019.
    """
    ids = {"mask_id": mask_id, "pad_id": pad_id}
    ids |= {f"special_ids[{i}]": value for i, value in enumerate(special_ids)}
    for name, value in ids.items():
        check_id(name, value, vocabulary)
    if mask_id in (pad_id, *special_ids):
        raise ValueError(f"mask_id={mask_id} is one of the special ids or padding too")
    words = _Words(vocabulary, mask_id, tuple(sorted({pad_id, *special_ids})))
    if vocabulary <= len(words.special_ids) + 1:
        raise ValueError(f"vocabulary={vocabulary} has special ids only: {words}")
    share = within("share", share, 0.0, 1.0)
    training = resolve_pretraining(**settings)
    objective = _objective(words, bool(tied))
    return self_supervised(network, objective, training, {"share": share})


def _check(x: Shaped[np.ndarray, "n ..."], options: Mapping[str, Any]) -> None:
    check_texts(x, options["vocabulary"], 2)


SPEC = TaskSpec(
    name="masked_tokens",
    factory=masked_tokens,
    summary="Predict 15 % of a text's tokens, most of them hidden (BERT).",
    inputs="tokens",
    paper=(
        "Devlin, Chang, Lee and Toutanova, BERT: Pre-training of Deep Bidirectional "
        "Transformers for Language Understanding, NAACL, 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{devlin2019bert,
  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language
           Understanding},
  author = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and
            Toutanova, Kristina},
  booktitle = {Conference of the North American Chapter of the Association for
               Computational Linguistics},
  year = {2019}
}""",
    departures=(
        "Every token is drawn by itself (and one at least per text), where the authors "
        "choose exactly 15 %; masks are drawn anew at each step, not once for ten "
        "passes; random tokens are never special ones. Alone: next_sentence is a task "
        "of its own. A cosine decay without warm-up."
    ),
    check=_check,
)

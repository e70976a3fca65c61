"""The registry of pre-training tasks."""

from da_zoo.methods.pretraining.causal_tokens import SPEC as _CAUSAL_TOKENS
from da_zoo.methods.pretraining.denoising import SPEC as _DENOISING
from da_zoo.methods.pretraining.masked_autoencoding import SPEC as _MASKED_AUTOENCODING
from da_zoo.methods.pretraining.masked_features import SPEC as _MASKED_FEATURES
from da_zoo.methods.pretraining.masked_tokens import SPEC as _MASKED_TOKENS
from da_zoo.methods.pretraining.next_sentence import SPEC as _NEXT_SENTENCE
from da_zoo.methods.pretraining.rotation import SPEC as _ROTATION
from da_zoo.methods.pretraining.simclr import SPEC as _SIMCLR
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.methods.pretraining.supervised import SPEC as _SUPERVISED

__all__ = ["PRETRAINING"]

PRETRAINING: dict[str, TaskSpec] = {
    spec.name: spec
    for spec in (
        _SUPERVISED,
        _ROTATION,
        _SIMCLR,
        _MASKED_AUTOENCODING,
        _MASKED_FEATURES,
        _DENOISING,
        _MASKED_TOKENS,
        _NEXT_SENTENCE,
        _CAUSAL_TOKENS,
    )
}
"""Every task by name: with labels, then by kind of input."""

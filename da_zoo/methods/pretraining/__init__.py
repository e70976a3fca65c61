"""Pre-training tasks, one file each: encoders learn before there is a task for them.

Recipes like any method's, for the same step; :func:`pretrain` makes of a finished one
the variables that :func:`da_zoo.start_from` takes.
"""

from da_zoo.methods.pretraining.causal_tokens import causal_tokens
from da_zoo.methods.pretraining.denoising import denoising
from da_zoo.methods.pretraining.masked_autoencoding import masked_autoencoding
from da_zoo.methods.pretraining.masked_features import masked_features
from da_zoo.methods.pretraining.masked_tokens import masked_tokens
from da_zoo.methods.pretraining.next_sentence import next_sentence
from da_zoo.methods.pretraining.objective import Objective, self_supervised
from da_zoo.methods.pretraining.rotation import rotation
from da_zoo.methods.pretraining.run import pretrain, pretrained_from
from da_zoo.methods.pretraining.simclr import simclr
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.methods.pretraining.supervised import supervised
from da_zoo.methods.pretraining.tasks import PRETRAINING

__all__ = [
    "PRETRAINING",
    "Objective",
    "TaskSpec",
    "causal_tokens",
    "denoising",
    "masked_autoencoding",
    "masked_features",
    "masked_tokens",
    "next_sentence",
    "pretrain",
    "pretrained_from",
    "rotation",
    "self_supervised",
    "simclr",
    "supervised",
]

"""Checkpoints of a training: written as it runs, taken up again after any end."""

from da_zoo.checkpoint.settings import Checkpointing

__all__ = ["Checkpointing"]

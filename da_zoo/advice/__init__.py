"""Advice before training: which case, how far, what to expect, what has worked."""

from da_zoo.advice.advise import Advice, advise

__all__ = ["Advice", "advise"]

"""From a user's files to an adapted model on disk, and from there to predictions."""

from da_zoo.pipeline.adapt import Adapted, adapt
from da_zoo.pipeline.model import AdaptedModel
from da_zoo.pipeline.saved import load, save

__all__ = ["Adapted", "AdaptedModel", "adapt", "load", "save"]

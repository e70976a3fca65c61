"""Metrics of a training, handed to writers while it runs.

A :class:`MetricsWriter` has ``start``, ``write`` and ``close``; :func:`recording` hands
one to ``fit``. There is one for JSON lines and one for TensorBoard; docs/monitoring.md
has one for Weights & Biases and one for MLflow to copy.
"""

from da_zoo.metrics_log.events import EventWriter
from da_zoo.metrics_log.jsonl import JsonlWriter, RecordedRun, read_metrics
from da_zoo.metrics_log.recorder import Recorder, recording
from da_zoo.metrics_log.tensorboard import TensorBoardWriter
from da_zoo.metrics_log.writer import MetricsWriter, Values, together

__all__ = [
    "EventWriter",
    "JsonlWriter",
    "MetricsWriter",
    "RecordedRun",
    "Recorder",
    "TensorBoardWriter",
    "Values",
    "read_metrics",
    "recording",
    "together",
]

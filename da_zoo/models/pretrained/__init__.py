"""Weights of other libraries, read from files into the zoo's networks.

``files`` reads a file into named arrays. A :class:`Layout`, which each model module
gives, says how one library names and lays out that network's tensors, as one
:class:`Entry` per variable of ours. ``matching`` fills a network's variables through a
layout and reports what did not fit; ``loading`` joins the three.
"""

from da_zoo.models.pretrained.entries import Entry, Layout
from da_zoo.models.pretrained.files import read_weights
from da_zoo.models.pretrained.loading import load_pretrained, weights_report
from da_zoo.models.pretrained.matching import Report

__all__ = [
    "Entry",
    "Layout",
    "Report",
    "load_pretrained",
    "read_weights",
    "weights_report",
]

"""Figures of a benchmark for papers and notebooks: each returns matplotlib axes.

``load`` reads a results folder; every other function draws one figure of it, on axes of
yours (``ax=``) or on a new figure one column wide, which ``ax.figure`` is.
"""

from da_zoo.plot.dumbbell import dumbbell
from da_zoo.plot.embedding import embedding
from da_zoo.plot.gain_over_distance import gain_over_distance
from da_zoo.plot.gains import gains
from da_zoo.plot.heatmap import heatmap
from da_zoo.plot.label_efficiency import label_efficiency
from da_zoo.plot.learning_curves import learning_curves
from da_zoo.plot.pareto import pareto
from da_zoo.plot.rank_diagram import rank_diagram
from da_zoo.plot.reliability import reliability
from da_zoo.plot.results import load
from da_zoo.plot.seeds import seeds

__all__ = [
    "dumbbell",
    "embedding",
    "gain_over_distance",
    "gains",
    "heatmap",
    "label_efficiency",
    "learning_curves",
    "load",
    "pareto",
    "rank_diagram",
    "reliability",
    "seeds",
]

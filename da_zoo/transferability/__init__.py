"""Which source to transfer from, and whether it will help: scores without training.

Label-aware scores of a source model on labelled target rows (:func:`leep`,
:func:`nce`, :func:`logme`, :func:`h_score`, :func:`transrate`), distances between
domains (:func:`proxy_a_distance`, :func:`mmd`, :func:`coral_distance`), the similarity
of two representations (:func:`cka`), and :func:`rank_sources`, which tables them all.

Every argument is keyword-only: swapped arguments still give a number, the wrong one.
Everything is float64 NumPy on the host, except the distances, which are the methods'
own losses.
"""

from da_zoo.transferability.cka import cka
from da_zoo.transferability.distances import coral_distance, mmd, proxy_a_distance
from da_zoo.transferability.h_score import h_score
from da_zoo.transferability.leep import leep
from da_zoo.transferability.logme import logme
from da_zoo.transferability.nce import nce
from da_zoo.transferability.ranking import Candidate, Ranking, rank_sources
from da_zoo.transferability.transrate import transrate

__all__ = [
    "Candidate",
    "Ranking",
    "cka",
    "coral_distance",
    "h_score",
    "leep",
    "logme",
    "mmd",
    "nce",
    "proxy_a_distance",
    "rank_sources",
    "transrate",
]

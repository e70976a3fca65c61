"""Criteria that choose a checkpoint or a configuration without target labels.

Each is a function of a :class:`Candidate`, what was stored of one checkpoint; MORE is
better for all of them. None reads a label of the target, which a Candidate has not.

Shapes: v source validation rows, m target rows, d features, k classes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax, softmax
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score

from da_zoo.diagnostics import subsample
from da_zoo.metrics import accuracy

__all__ = [
    "CRITERIA",
    "RANKED",
    "Candidate",
    "bnm",
    "class_ami",
    "density_weights",
    "dev",
    "entropy",
    "importance_weighted",
    "infomax",
    "last_step",
    "mixval",
    "reverse_validation",
    "snd",
    "source_validation",
]

SND_TEMPERATURE = 0.05
"""Of the soft neighbourhood; the paper's."""
MOST_ROWS = 1000
"""Of the target that pairwise criteria look at."""
LARGEST_WEIGHT = 20.0
"""At which density ratios are cut: one row must not be the whole estimate."""


class Candidate(NamedTuple):
    """What is stored of one checkpoint."""

    source_features: Float[np.ndarray, "v d"]
    """Of source validation rows."""
    source_logits: Float[np.ndarray, "v k"] | None
    """None where the method has no head for the source's task."""
    source_labels: Int[np.ndarray, " v"]
    target_features: Float[np.ndarray, "m d"]
    """Of target validation rows, whose labels are not here."""
    target_logits: Float[np.ndarray, "m k"]
    step: int
    """Training steps done."""
    mixed_logits: Float[np.ndarray, "p k"] | None = None
    """Of mixtures of pairs of target rows, for :func:`mixval`."""
    mixed_pairs: Int[np.ndarray, "p 2"] | None = None
    """Which target rows were mixed, the heavier first."""


def last_step(candidate: Candidate) -> float:
    """The latest checkpoint: no choice at all, and hard to beat.

    Example:
        >>> last_step  # doctest: +ELLIPSIS
        <function last_step at ...>
    """
    return float(candidate.step)


def _source_logits(candidate: Candidate) -> Float[np.ndarray, "v k"]:
    if candidate.source_logits is None:
        raise ValueError("the method has no head for the source's task")
    return candidate.source_logits


def source_validation(candidate: Candidate) -> float:
    """Accuracy on source rows that were held out, in [0, 1].

    Raises:
        ValueError: if the method has no head for the source's task.
    """
    return accuracy(_source_logits(candidate), candidate.source_labels)


def entropy(candidate: Candidate) -> float:
    """Minus the mean entropy of target predictions, in nats.

    References:
        Morerio, Cavazza and Murino, "Minimal-Entropy Correlation Alignment for
        Unsupervised Deep Domain Adaptation", ICLR 2018.
    """
    log_p = log_softmax(np.asarray(candidate.target_logits, np.float64), axis=1)
    return float(np.mean(np.sum(np.exp(log_p) * log_p, axis=1)))


def infomax(candidate: Candidate) -> float:
    """Information that predictions hold of target rows: H(mean p) - mean H(p), nats.

    References:
        Krause, Perona and Gomes, "Discriminative Clustering by Regularized Information
        Maximization", NeurIPS 2010.
    """
    p = softmax(np.asarray(candidate.target_logits, np.float64), axis=1)
    mean = p.mean(axis=0)
    return float(-np.sum(mean * np.log(mean + 1e-12))) + entropy(candidate)


def bnm(candidate: Candidate) -> float:
    """Nuclear norm of the target's predictions over its largest possible value.

    In (0, 1]: sure and diverse predictions have a large one.

    References:
        Cui et al., "Towards Discriminability and Diversity: Batch Nuclear-norm
        Maximization under Label Insufficient Situations", CVPR 2020.
    """
    p = softmax(np.asarray(candidate.target_logits, np.float64), axis=1)
    largest = np.sqrt(p.shape[0] * min(p.shape))
    return float(np.linalg.norm(p, "nuc") / largest)


def snd(candidate: Candidate) -> float:
    """Entropy of soft neighbourhoods of the target's predictions, in nats.

    Rows with many close neighbours have a large one. As a criterion of the last resort:
    predictions that all are one have the largest of all.

    References:
        Saito et al., "Tune it the Right Way: Unsupervised Validation of Domain
        Adaptation via Soft Neighborhood Density", ICCV 2021.
    """
    logits = np.asarray(candidate.target_logits, np.float64)
    p = softmax(logits[subsample(len(logits), MOST_ROWS)], axis=1)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    likeness = p @ p.T / SND_TEMPERATURE
    np.fill_diagonal(likeness, -np.inf)  # no row is a neighbour of itself
    near = softmax(likeness, axis=1)
    return float(-np.mean(np.sum(near * np.log(near + 1e-12), axis=1)))


def class_ami(candidate: Candidate) -> float:
    """Agreement of predicted classes with clusters of the target's features, to 1.

    References:
        Musgrave, Belongie and Lim, "Three New Validators and a Large-Scale Benchmark
        Ranking for Unsupervised Domain Adaptation", 2022.
    """
    classes = candidate.target_logits.shape[1]
    drawn = subsample(len(candidate.target_logits), MOST_ROWS)
    features = np.asarray(candidate.target_features, np.float64)[drawn]
    length = np.linalg.norm(features, axis=1, keepdims=True)
    features = features / np.where(length == 0, 1.0, length)
    distinct = len(np.unique(features, axis=0))
    clusters = KMeans(min(classes, distinct), n_init=3, random_state=0)
    predicted = candidate.target_logits[drawn].argmax(1)
    return float(adjusted_mutual_info_score(predicted, clusters.fit_predict(features)))


def density_weights(candidate: Candidate) -> Float[np.ndarray, " v"]:
    """How much likelier each source validation row is in the target, cut at 20.

    By the odds of a logistic domain classifier on the features. Their mean is near 1
    and not made to be 1: what it is off by is what :func:`dev` corrects with.

    References:
        Sugiyama, Krauledat and Müller, "Covariate Shift Adaptation by Importance
        Weighted Cross Validation", JMLR 2007.
    """
    both = np.concatenate([candidate.source_features, candidate.target_features])
    both = np.asarray(both, np.float64)
    deviation = both.std(axis=0)
    both = (both - both.mean(axis=0)) / np.where(deviation == 0, 1.0, deviation)
    count = len(candidate.source_features)
    domain = np.arange(len(both)) >= count
    model = LogisticRegression(max_iter=200, C=0.1).fit(both, domain)
    odds = np.exp(model.decision_function(both[:count]))
    weights = np.minimum(odds * count / (len(both) - count), LARGEST_WEIGHT)
    return np.asarray(weights, np.float64)


def _losses(candidate: Candidate) -> np.ndarray:
    wrong = _source_logits(candidate).argmax(1) != candidate.source_labels
    return np.asarray(wrong, np.float64)


def importance_weighted(candidate: Candidate) -> float:
    """Source validation accuracy, each row weighed by how likely the target has it."""
    weights = density_weights(candidate)
    return float(1.0 - np.average(_losses(candidate), weights=weights))


def dev(candidate: Candidate) -> float:
    """Importance-weighted accuracy whose variance a control variate lowers.

    Not bounded: it can leave [0, 1] where weights and losses go together by chance.

    References:
        You et al., "Towards Accurate Model Selection in Deep Unsupervised Domain
        Adaptation", ICML 2019.
    """
    weights = density_weights(candidate)
    weighted = weights * _losses(candidate)
    variance = float(np.var(weights))
    if variance == 0:
        return float(1.0 - weighted.mean())
    eta = -float(np.cov(weighted, weights, bias=True)[0, 1]) / variance
    return float(1.0 - (weighted.mean() + eta * weights.mean() - eta))


def mixval(candidate: Candidate) -> float:
    """How often a mixture of two target rows is taken for its heavier part, in [0, 1].

    The mean over pairs of one predicted class and over pairs of two, so that neither
    kind decides alone.

    Raises:
        ValueError: if the candidate holds no mixtures.

    References:
        Hu et al., "Mixed Samples as Probes for Unsupervised Model Selection in Domain
        Adaptation", NeurIPS 2023.
    """
    if candidate.mixed_logits is None or candidate.mixed_pairs is None:
        raise ValueError("mixval needs predictions of mixtures of target rows")
    predicted = candidate.target_logits.argmax(1)
    heavy, light = (predicted[candidate.mixed_pairs[:, i]] for i in (0, 1))
    hits = candidate.mixed_logits.argmax(1) == heavy
    kinds = [hits[heavy == light], hits[heavy != light]]
    return float(np.mean([kind.mean() for kind in kinds if kind.size]))


def reverse_validation(candidate: Candidate) -> float:
    """How well the target's predicted classes teach the source's, in [0, 1].

    A linear classifier is trained on target features with the predicted classes and
    scored on the source's validation rows with their labels. The paper trains a whole
    second model backwards; on stored features only its last layer is.

    Raises:
        ValueError: if the two tasks have other classes, so that none can be compared.

    References:
        Zhong et al., "Cross Validation Framework to Choose Amongst Models and Datasets
        for Transfer Learning", ECML 2010.
    """
    if _source_logits(candidate).shape[1] != candidate.target_logits.shape[1]:
        raise ValueError("reverse validation needs one task on both sides")
    predicted = candidate.target_logits.argmax(1)
    if len(np.unique(predicted)) == 1:
        return float(np.mean(candidate.source_labels == predicted[0]))
    features = np.asarray(candidate.target_features, np.float64)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation = np.where(deviation == 0, 1.0, deviation)
    model = LogisticRegression(max_iter=200, C=0.1)
    model.fit((features - mean) / deviation, predicted)
    back = (np.asarray(candidate.source_features, np.float64) - mean) / deviation
    return float(np.mean(model.predict(back) == candidate.source_labels))


CRITERIA: dict[str, Callable[[Candidate], float]] = {
    "last_step": last_step,
    "source_validation": source_validation,
    "entropy": entropy,
    "infomax": infomax,
    "bnm": bnm,
    "snd": snd,
    "class_ami": class_ami,
    "importance_weighted": importance_weighted,
    "dev": dev,
    "mixval": mixval,
    "reverse_validation": reverse_validation,
}
"""By name."""

RANKED = "last_step"
"""What the leaderboard ranks by, fixed in advance."""

"""``DomainAdapter``: the zoo as a scikit-learn estimator."""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from da_zoo.data.arrays import ArrayData
from da_zoo.data.checks import check_features, plain_array
from da_zoo.loop import fit
from da_zoo.methods import METHODS
from da_zoo.models import network_by_name
from da_zoo.naming import check_names, choose
from da_zoo.network import Network
from da_zoo.registry import build_recipe, hyperparameter_names

__all__ = ["DomainAdapter"]

OWN = ("method", "network", "steps", "batch_size", "seed")


class DomainAdapter(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Fits any method of the zoo on arrays.

    Args:
        method: a registry name, see ``da-zoo list methods``.
        network: "mlp", "lenet", or a :class:`da_zoo.Network`.
        steps: training steps.
        batch_size: rows per domain and step.
        seed: of initial weights, batch order and dropout.
        **hyperparameters: the method's own, and the settings all methods share
            (``learning_rate``, ``batch_norm`` ...). Unknown names raise at ``fit``.

    Attributes:
        classes_: the labels, sorted, as given.
        result_: the :class:`da_zoo.FitResult`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["cat", "dog"], 40)
        >>> X = rng.normal(size=(80, 4)) + 3.0 * (y == "dog")[:, None]
        >>> adapter = DomainAdapter("deep_coral", steps=60).fit(X, y, X_target=X + 1.0)
        >>> adapter.predict(X[:1] + 1.0)
        array(['cat'], dtype='<U3')
    """

    def __init__(
        self,
        method: str = "dann",
        *,
        network: str | Network = "mlp",
        steps: int = 2000,
        batch_size: int = 64,
        seed: int = 0,
        **hyperparameters: Any,
    ) -> None:
        self.method = method
        self.network = network
        self.steps = steps
        self.batch_size = batch_size
        self.seed = seed
        for name, value in hyperparameters.items():
            setattr(self, name, value)
        self._given = tuple(hyperparameters)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn refuses **kwargs in a constructor, because clone() would drop
        # them; get_params below adds the ones that were given.
        return sorted(OWN)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns every parameter, the method's hyper-parameters included.

        Args:
            deep: accepted for scikit-learn; there are no nested estimators.
        """
        del deep
        names = (*OWN, *self._given)
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> "DomainAdapter":
        """Sets parameters, among them hyper-parameters not given before.

        Raises:
            ValueError: for a name that the method does not take.
        """
        method = params.get("method", self.method)
        spec = choose(METHODS, method, "method")
        known = (*OWN, *hyperparameter_names(spec))
        check_names(params, known, "parameter")
        for name, value in params.items():
            setattr(self, name, value)
            if name not in OWN and name not in self._given:
                self._given = (*self._given, name)
        return self

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Shaped[Any, " _"],
        X_target: Shaped[Any, "m ..."] | None = None,
        y_target: Shaped[Any, " _"] | None = None,
        sample_domain: Shaped[Any, " _"] | None = None,
    ) -> "DomainAdapter":
        """Trains on a labelled source and a target.

        Args:
            X: source inputs [n, ...]; with ``sample_domain``, both domains' inputs.
            y: labels [n] of any type; those of target rows are read only where
                the method trains on target labels.
            X_target: target inputs [m, ...].
            y_target: target labels [m], for methods that need them. Rows whose label
                is None or NaN are unlabelled.
            sample_domain: [n], at least 0 for source rows and negative for target rows.
                Several numbers of at least 0 are several sources: each gives an equal
                share of every batch, and methods for several sources tell them apart.
                In a Pipeline or GridSearchCV this is the way in: they split X and y,
                and would pass an ``X_target`` through whole, or cut by source folds.

        Raises:
            ValueError: for NaN, mismatched shapes, an empty domain, fewer than two
                classes, labels that are missing, are continuous or mark a row as
                unlabelled by -1, unknown names.
            TypeError: for data of a wrong type.
        """
        spec = choose(METHODS, self.method, "method")
        seed = self.seed
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
            raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
        if spec.predicts_unknown:
            raise ValueError(
                f"method {self.method!r} answers with an unknown class, for which "
                "DomainAdapter has no label; use da_zoo.fit, whose logits have it last"
            )
        needs_labels = spec.tracks == {"F"}
        origin = None
        if sample_domain is not None:
            if X_target is not None or y_target is not None:
                raise ValueError(
                    "give both domains in X with sample_domain, or X_target: not both"
                )
            X, y, X_target, y_target, origin = _by_domain(
                X, y, sample_domain, needs_labels
            )
        elif X_target is not None and _inside_cross_validation():
            raise ValueError(
                "X_target inside cross-validation would be cut by the source's folds "
                "(or passed on whole); put both domains in X, with sample_domain"
            )
        inputs = check_features("X", X)
        labels = plain_array("y", y)
        if labels.shape != (len(inputs),):
            raise ValueError(
                f"y must have shape ({len(inputs)},), one label a row, got "
                f"{labels.shape}"
            )
        target = None if X_target is None else check_features("X_target", X_target)
        _refuse_numbers("y", labels)
        labelled = _labelled_target(target, y_target)
        if labelled is not None:
            _refuse_numbers("y_target", labelled[1])
            _refuse_unlabelled(labels, labelled[1])
        every = labels if labelled is None else np.concatenate([labels, labelled[1]])
        _refuse_missing(labels)
        self.classes_ = np.unique(every)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least two classes, got {self.classes_.tolist()}"
            )
        self._refuse_streams(spec, target, labelled)
        network = self._network()
        given = {name: getattr(self, name) for name in self._given}
        sources = _by_source(inputs, self._encode(labels), origin)
        recipe = build_recipe(
            spec,
            network,
            classes=len(self.classes_),
            labelled_target=labelled is not None,
            sources=len(sources) if isinstance(sources, list) else 1,
            **given,
        )
        pair = None if labelled is None else (labelled[0], self._encode(labelled[1]))
        self.result_ = fit(
            recipe,
            ArrayData(sources, target, pair),
            jax.random.key(self.seed),
            steps=self.steps,
            batch_size=self.batch_size,
            name=self.method,
        )
        self.n_features_in_ = int(np.prod(inputs.shape[1:]))
        self._shape = inputs.shape[1:]
        return self

    def _network(self) -> Network:
        if isinstance(self.network, Network):
            return self.network
        return network_by_name(self.network)

    def _encode(self, labels: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes_, labels).astype(np.int32)

    def _refuse_streams(self, spec: Any, target: Any, labelled: Any) -> None:
        if spec.tracks == {"F"} and labelled is None:
            raise ValueError(
                f"method {self.method!r} needs target labels: pass X_target and "
                "y_target"
            )
        if spec.name != "source_only" and target is None:
            raise ValueError(
                f"method {self.method!r} needs the target: pass X_target, or both "
                "domains in X with sample_domain. (GridSearchCV and Pipeline need "
                "sample_domain.)"
            )

    def _predictions(self, X: Any) -> Any:
        check_is_fitted(self, "result_")
        inputs = check_features("X", X)
        if inputs.shape[1:] != self._shape:
            raise ValueError(
                f"X must have rows of shape {self._shape} as in fit, got "
                f"{inputs.shape[1:]}"
            )
        return self.result_.predict(inputs)

    def predict_proba(self, X: Shaped[Any, "n ..."]) -> Float[np.ndarray, "n k"]:
        """Returns class probabilities [n, k] of target rows, in ``classes_``' order."""
        logits = self._predictions(X).logits["target"][:, : len(self.classes_)]
        return np.asarray(jax.nn.softmax(jnp.asarray(logits), axis=1))

    def predict(self, X: Shaped[Any, "n ..."]) -> Shaped[np.ndarray, " n"]:
        """Returns the labels [n] of target rows."""
        logits = self._predictions(X).logits["target"][:, : len(self.classes_)]
        return self.classes_[np.asarray(jnp.argmax(logits, axis=1))]

    def score(
        self,
        X: Shaped[Any, "n ..."],
        y: Shaped[Any, " n"],
        sample_weight: Float[Any, " n"] | None = None,
        sample_domain: Shaped[Any, " n"] | None = None,
    ) -> float:
        """Returns the accuracy on target rows, in [0, 1].

        Args:
            X: inputs [n, ...].
            y: labels [n].
            sample_weight: [n], or None.
            sample_domain: [n]; where it is given, source rows (at least 0) are left
                out. Without it every row counts as a target row, so a search that
                cannot pass it on scores both domains.
        """
        keep = np.ones(len(X), bool)
        if sample_domain is not None:
            keep = np.asarray(sample_domain) < 0
            if not keep.any():
                raise ValueError("sample_domain has no target (< 0) rows to score")
        weight = None if sample_weight is None else np.asarray(sample_weight)[keep]
        hits = self.predict(np.asarray(X)[keep]) == np.asarray(y)[keep]
        return float(np.average(hits, weights=weight))

    def transform(self, X: Shaped[Any, "n ..."]) -> Float[np.ndarray, "n d"]:
        """Returns the adapted features [n, d] of target rows."""
        return np.asarray(self._predictions(X).features)


def _inside_cross_validation() -> bool:
    """Says whether scikit-learn's cross-validation is the caller.

    It slices every fit parameter as long as X by the folds of X, without a word; an
    X_target of that length would silently lose rows. Nothing but the call stack tells.
    """
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "_fit_and_score" and "sklearn" in (
            frame.f_globals.get("__name__", "")
        ):
            return True
        frame = frame.f_back
    return False


def _missing(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype == object:
        return np.array([label is None or label != label for label in labels], bool)
    return np.zeros(labels.shape, bool)


def _refuse_missing(labels: np.ndarray) -> None:
    if (missing := _missing(labels)).any():
        raise ValueError(
            f"y has {int(missing.sum())} missing labels among the source rows; only "
            "target rows may lack one"
        )


def _refuse_numbers(name: str, labels: np.ndarray) -> None:
    """A regression's numbers would each become a class."""
    if labels.dtype.kind == "f" and (fractions := labels[labels % 1 != 0]).size:
        raise ValueError(
            f"{name} holds numbers such as {fractions[0]:g}, and DomainAdapter "
            "predicts classes; for a continuous target use da_zoo.fit and a method "
            "with classes=Continuous(1)"
        )


def _refuse_unlabelled(labels: np.ndarray, labelled: np.ndarray) -> None:
    """scikit-learn's semi-supervised estimators mark rows without a label by -1."""
    numbers = labels.dtype.kind in "iuf" and labelled.dtype.kind in "iuf"
    if numbers and -1 in labelled and -1 not in labels:
        raise ValueError(
            "y_target holds -1, which is no class of y; give None or NaN for rows "
            "without a label"
        )


def _by_domain(X: Any, y: Any, sample_domain: Any, labelled: bool) -> tuple[Any, ...]:
    domain = plain_array("sample_domain", sample_domain)
    X, y = plain_array("X", X), plain_array("y", y)
    if not X.ndim or y.shape != (len(X),):
        raise ValueError(
            f"y must have one label for each row of X, got shapes {y.shape} and "
            f"{X.shape}"
        )
    if domain.shape != (len(X),) or domain.dtype.kind not in "biuf":
        raise ValueError(
            f"sample_domain must be {len(X)} numbers, at least 0 for source and "
            f"negative for target, got shape {domain.shape} of {domain.dtype}"
        )
    source, target = domain >= 0, domain < 0
    for name, rows in (("source (>= 0)", source), ("target (< 0)", target)):
        if not rows.any():
            raise ValueError(f"sample_domain has no {name} rows")
    own = y[target] if labelled else None
    return X[source], y[source], X[target], own, domain[source]


def _by_source(
    inputs: np.ndarray, labels: np.ndarray, origin: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | list[tuple[np.ndarray, np.ndarray]]:
    """One pair, or a list of them where rows come from several sources."""
    if origin is None or len(numbers := np.unique(origin)) < 2:
        return inputs, labels
    return [(inputs[origin == n], labels[origin == n]) for n in numbers]


def _labelled_target(
    target: np.ndarray | None, y_target: Any
) -> tuple[np.ndarray, np.ndarray] | None:
    """Keeps the target rows that have a label."""
    if y_target is None:
        return None
    if target is None:
        raise ValueError("y_target was given without X_target")
    labels = plain_array("y_target", y_target)
    if labels.shape != (len(target),):
        raise ValueError(
            f"y_target must have shape ({len(target)},), got {labels.shape}; give None "
            "or NaN for rows without a label"
        )
    there = ~_missing(labels)
    if not there.any():
        raise ValueError("y_target has no labels at all; leave it out instead")
    return target[there], np.array(labels[there].tolist())

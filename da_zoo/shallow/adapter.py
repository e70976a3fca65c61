"""``ShallowAdapter``: any shallow method with a classifier, as one estimator."""

import inspect
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from da_zoo.naming import check_names, choose
from da_zoo.registry import ShallowSpec, hyperparameter_names
from da_zoo.shallow import SHALLOW
from da_zoo.shallow.arrays import check_domain, check_labels, check_matrix, check_pair

__all__ = ["ShallowAdapter"]

OWN = ("method", "classifier", "scale")
SCALES = ("per_domain", "source", "none")


def _has_probabilities(adapter: "ShallowAdapter") -> bool:
    fitted = getattr(adapter, "classifier_", None)
    given = fitted if fitted is not None else adapter.classifier
    # Both default classifiers have them.
    return given is None or hasattr(given, "predict_proba")


class ShallowAdapter(ClassifierMixin, BaseEstimator):
    """Adapts features in closed form, then trains a classifier on the source.

    Args:
        method: a name of ``da_zoo.SHALLOW``.
        classifier: any scikit-learn classifier; None means the nearest neighbour for
            alignment methods, as in the papers, and logistic regression for weighting
            methods, whose classifier must take ``sample_weight``.
        scale: "per_domain" z-scores each domain by itself, "source" both by the
            source's mean and deviation, "none" leaves them. None means "per_domain" for
            alignment methods, as in the papers, and "source" for weighting methods,
            because scaling each domain would change the ratio of their densities.
        **options: the method's own. Unknown names raise at ``fit``.

    Attributes:
        classes_: the labels, sorted.
        adapter_: the fitted method.
        classifier_: the fitted classifier.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["cat", "dog"], 40)
        >>> X = rng.normal(size=(80, 3)) + 4.0 * (y == "dog")[:, None]
        >>> adapter = ShallowAdapter("coral").fit(X, y, X_target=2.0 * X + 5.0)
        >>> adapter.score(2.0 * X + 5.0, y) > 0.9
        True
    """

    def __init__(
        self,
        method: str = "coral",
        classifier: ClassifierMixin | None = None,
        *,
        scale: str | None = None,
        **options: Any,
    ) -> None:
        self.method = method
        self.classifier = classifier
        self.scale = scale
        for name, value in options.items():
            setattr(self, name, value)
        self._given = tuple(options)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn refuses **kwargs in a constructor, because clone() would drop
        # them; get_params below adds the ones that were given.
        return sorted(OWN)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns every parameter, the method's options included.

        Args:
            deep: also the classifier's, as ``classifier__<name>``.
        """
        own = {name: getattr(self, name) for name in (*OWN, *self._given)}
        if deep and self.classifier is not None:
            inner = self.classifier.get_params().items()
            own |= {f"classifier__{name}": value for name, value in inner}
        return own

    def set_params(self, **params: Any) -> "ShallowAdapter":
        """Sets parameters, among them options not given before.

        Raises:
            ValueError: for a name that the method does not take.
        """
        inner = {k: v for k, v in params.items() if k.startswith("classifier__")}
        plain = {k: v for k, v in params.items() if k not in inner}
        spec = choose(SHALLOW, plain.get("method", self.method), "shallow method")
        check_names(plain, (*OWN, *hyperparameter_names(spec)), "parameter")
        for name, value in plain.items():
            setattr(self, name, value)
            if name not in OWN and name not in self._given:
                self._given = (*self._given, name)
        if inner:
            if self.classifier is None:
                raise ValueError(
                    f"{next(iter(inner))} was given, but classifier is None; set "
                    "classifier first"
                )
            cut = len("classifier__")
            self.classifier.set_params(**{k[cut:]: v for k, v in inner.items()})
        return self

    def fit(
        self,
        X: Shaped[Any, "n ..."],
        y: Shaped[Any, " _"],
        X_target: Shaped[Any, "m ..."] | None = None,
    ) -> "ShallowAdapter":
        """Adapts and trains.

        Args:
            X: source rows [n, d].
            y: source labels [n], of any type.
            X_target: target rows [m, d].

        Raises:
            TypeError: for inputs that are not numeric, or no target.
            ValueError: for shapes that do not fit, NaN, fewer than two classes, unknown
                names, or a classifier without weights where weights are the method.
        """
        spec = choose(SHALLOW, self.method, "shallow method")
        names = hyperparameter_names(spec)
        check_names(self._given, names, f"{spec.name} option")
        source, target = check_pair(X, X_target)
        labels = check_labels(y, len(source))
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least two classes, got {self.classes_.tolist()}"
            )
        self._fit_scale(spec, source, target)
        source, target = self._scaled(source, "source"), self._scaled(target, "target")
        classifier = self._new_classifier(spec)
        options = {name: getattr(self, name) for name in self._given}
        if "classifier" in inspect.signature(spec.factory).parameters:
            options.setdefault("classifier", clone(classifier))
        adapter = spec.factory(**options)
        self.adapter_ = adapter.fit(source, labels, X_target=target)
        if spec.kind == "weighting":
            weights = self.adapter_.weights_
            self.classifier_ = classifier.fit(source, labels, sample_weight=weights)
        else:
            mapped = self.adapter_.transform(source, domain="source")
            self.classifier_ = classifier.fit(mapped, labels)
        self.n_features_in_ = source.shape[1]
        return self

    def _new_classifier(self, spec: ShallowSpec) -> Any:
        weighting = spec.kind == "weighting"
        if self.classifier is None:
            return (
                LogisticRegression(max_iter=1000)
                if weighting
                else KNeighborsClassifier(1)
            )
        if weighting and not has_fit_parameter(self.classifier, "sample_weight"):
            raise ValueError(
                f"method {spec.name!r} weights rows, and classifier "
                f"{type(self.classifier).__name__} takes no sample_weight; use "
                "LogisticRegression, for example"
            )
        return clone(self.classifier)

    def _fit_scale(
        self,
        spec: ShallowSpec,
        source: Float[np.ndarray, "n d"],
        target: Float[np.ndarray, "m d"],
    ) -> None:
        usual = "source" if spec.kind == "weighting" else "per_domain"
        scale = usual if self.scale is None else self.scale
        choose(dict.fromkeys(SCALES), scale, "scale")
        self._scalers: dict[str, StandardScaler] = {}
        if scale != "none":
            other = source if scale == "source" else target
            self._scalers["source"] = StandardScaler().fit(source)
            self._scalers["target"] = StandardScaler().fit(other)

    def _scaled(
        self, rows: Float[np.ndarray, "n d"], domain: str
    ) -> Float[np.ndarray, "n d"]:
        return self._scalers[domain].transform(rows) if self._scalers else rows

    def transform(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n k"]:
        """Returns the features [n, k] that the classifier sees.

        Args:
            X: rows [n, d].
            domain: "target" or "source", where the rows come from.

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        check_is_fitted(self, "classifier_")
        check_domain(domain)
        rows = self._scaled(check_matrix("X", X, self.n_features_in_), domain)
        if hasattr(self.adapter_, "transform"):
            return self.adapter_.transform(rows, domain=domain)
        return rows

    def predict(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Shaped[np.ndarray, " n"]:
        """Returns the labels [n] of rows.

        Args:
            X: rows [n, d].
            domain: "target" or "source", where the rows come from.

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        return self.classifier_.predict(self.transform(X, domain))

    @available_if(_has_probabilities)
    def predict_proba(
        self, X: Shaped[Any, "n ..."], domain: str = "target"
    ) -> Float[np.ndarray, "n k"]:
        """Returns class probabilities [n, k], in ``classes_``' order.

        The nearest neighbour's are 0 and 1.

        Args:
            X: rows [n, d].
            domain: "target" or "source", where the rows come from.

        Raises:
            ValueError: for another domain, other columns, or NaN.
        """
        return self.classifier_.predict_proba(self.transform(X, domain))

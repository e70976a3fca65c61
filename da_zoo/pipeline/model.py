"""``AdaptedModel``: raw rows in, names of classes (or values) and probabilities out."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import softmax

from da_zoo.data.encoders.base import Encoder
from da_zoo.data.encoders.choose import restore
from da_zoo.methods import METHODS
from da_zoo.models import network_by_name
from da_zoo.naming import choose
from da_zoo.pipeline.sides import read_side
from da_zoo.predicting import predict_rows
from da_zoo.registry import build_recipe
from da_zoo.settings import Continuous
from da_zoo.types import Adapter, Recipe, TrainState

__all__ = ["AdaptedModel", "Spec", "recipe_of"]


NOT_AGAIN = ("skip_corrupt", "limit", "domain")
"""Options of a reader that would leave rows to predict out, or ask for a column that
new rows need not have."""


class Spec(NamedTuple):
    """All that a model is made of but its weights, as plain JSON values."""

    kind: str
    """Of its rows, see :data:`da_zoo.data.domain_data.KINDS`."""
    method: str
    values: dict[str, Any]
    """Hyper-parameters and settings."""
    network: str
    network_options: dict[str, Any]
    classes: list[str]
    """Names that it predicts; empty for a regression."""
    source_classes: list[str]
    """Those of the source, where the target's task is another."""
    labelled_target: bool
    sources: int
    centre: float
    """Of a regression's values: predictions are scaled back by these."""
    spread: float
    encoder: dict[str, Any]
    reading: dict[str, Any]
    """Options of the reader, for files to predict."""
    shape: list[int]
    """Of an encoded row."""
    trained: dict[str, Any]
    """Steps, seed, fingerprints, versions: to know later, not to predict by."""


def recipe_of(spec: Spec) -> Recipe:
    """Builds the recipe that a model was trained by.

    Raises:
        ValueError: for names that this version does not know, or values out of range.
    """
    options: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in spec.network_options.items()
    }
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.values.items()}
    method = choose(METHODS, spec.method, "method")
    return build_recipe(
        method,
        network_by_name(spec.network, **options),
        classes=_classes(spec),
        labelled_target=spec.labelled_target,
        sources=spec.sources,
        **values,
    )


def _classes(spec: Spec) -> Any:
    if not spec.classes:
        return Continuous(1)
    if spec.source_classes:
        return {"source": len(spec.source_classes), "target": len(spec.classes)}
    return len(spec.classes)


class AdaptedModel(NamedTuple):
    """An adapted model with the preprocessing that it was trained with.

    Made by :func:`da_zoo.adapt`, read by :func:`da_zoo.load`.
    """

    spec: Spec
    encoder: Encoder
    adapter: Adapter
    state: TrainState

    @classmethod
    def of(cls, spec: Spec, state: TrainState) -> "AdaptedModel":
        """Puts a model together from its spec and its state.

        Raises:
            ValueError: see :func:`recipe_of`.
        """
        return cls(spec, restore(spec.encoder), recipe_of(spec)[-1].adapter, state)

    @property
    def continuous(self) -> bool:
        """Whether it predicts values, not classes."""
        return not self.spec.classes

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what it may answer, in the order of its probabilities."""
        spec = choose(METHODS, self.spec.method, "method")
        unknown = ("unknown",) if spec.predicts_unknown and not self.continuous else ()
        return (*self.spec.classes, *unknown)

    def encode(self, rows: Any) -> Shaped[np.ndarray, "n ..."]:
        """Reads rows (a path, arrays, texts, a table) and encodes them.

        A column of labels is left out, unread.

        Raises:
            ValueError: if the rows are not of the kind that the model was trained on.
        """
        reading = dict(self.spec.reading)
        for name in NOT_AGAIN:
            reading.pop(name, None)
        label = reading.pop("label", None)
        reader = reading.pop("kind", None)
        data = read_side(
            rows, "rows", label=label, labelled=False, kind=reader, options=reading
        )
        if data.kind != self.spec.kind:
            raise ValueError(
                f"{data.name} holds {data.kind}, and the model takes {self.spec.kind}"
            )
        encoded = self.encoder.apply(data.x)
        if list(encoded.shape[1:]) != self.spec.shape:
            raise ValueError(
                f"{data.name} has rows of shape {encoded.shape[1:]}, and the model "
                f"takes {tuple(self.spec.shape)}"
            )
        if encoded.dtype.kind == "f" and not np.isfinite(encoded).all():
            raise ValueError(
                f"{data.name} holds values that lie so far from what the model was "
                "fitted on that they are infinite to it"
            )
        return encoded

    def logits(
        self, encoded: Shaped[np.ndarray, "n ..."], *, domain: str = "target"
    ) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n d"]]:
        """Returns logits (a regression's values) and features of encoded rows."""
        predicted = predict_rows(self.adapter, self.state, encoded, domain=domain)
        logits = predicted.logits["target"]
        width = 1 if self.continuous else len(self.classes)
        values = np.asarray(logits, np.float64)[:, :width]
        if self.continuous:
            values = values * self.spec.spread + self.spec.centre
        return values, np.asarray(predicted.features)

    def values(self, rows: Any) -> Float[np.ndarray, "n k"]:
        """Returns the logits of raw rows, or a regression's values.

        Raises:
            ValueError: see :meth:`encode`; if the model's are not finite.
        """
        values, _ = self.logits(self.encode(rows))
        if bad := int((~np.isfinite(values)).any(axis=1).sum()):
            raise ValueError(
                f"the model's answers to {bad} of {len(values)} rows are not finite: "
                "its weights, or the rows, are too large"
            )
        return values

    def predict(self, rows: Any) -> Shaped[np.ndarray, " n"]:
        """Returns names of classes, as text, or values [n].

        Args:
            rows: a file or folder like the target's, arrays, a table, or texts.

        Raises:
            ValueError: see :meth:`encode`.
        """
        values = self.values(rows)
        if self.continuous:
            return values[:, 0]
        return np.array(self.classes)[values.argmax(1)]

    def predict_proba(self, rows: Any) -> Float[np.ndarray, "n k"]:
        """Returns probabilities [n, k] in the order of ``classes``.

        Raises:
            ValueError: for a regression; and see :meth:`encode`.
        """
        if self.continuous:
            raise ValueError("a regression has no probabilities; use predict")
        return softmax(self.values(rows), axis=1)

    def transform(self, rows: Any) -> Float[np.ndarray, "n d"]:
        """Returns the adapted features [n, d]."""
        return self.logits(self.encode(rows))[1]

    def save(self, folder: str | Path) -> Path:
        """Writes the model into a folder; see :func:`da_zoo.pipeline.saved.save`."""
        from da_zoo.pipeline.saved import save

        return save(self, folder)

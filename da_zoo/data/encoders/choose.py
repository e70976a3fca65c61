"""Which encoder rows want, and how one is written and read with its name."""

import importlib
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from scipy.sparse import issparse

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.base import Encoder
from da_zoo.naming import check_names, choose

__all__ = ["ENCODERS", "describe", "encoder_name", "fit_encoder", "restore"]

ENCODERS = {
    "table": "tables",
    "features": "features",
    "images": "images",
    "signals": "signals",
    "text": "texts",
    "bag_of_words": "bag_of_words",
}
"""Names and their modules in ``da_zoo.data.encoders``."""


def encoder_name(data: DomainData) -> str:
    """Says which encoder some data wants.

    Example:
        >>> import numpy as np
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> encoder_name(make_domain_data("a", "features", np.ones((2, 3))))
        'features'
    """
    return "bag_of_words" if issparse(data.x) else data.kind


def _module(name: str) -> ModuleType:
    return importlib.import_module(
        f"da_zoo.data.encoders.{choose(ENCODERS, name, 'encoder')}"
    )


def fit_encoder(data: DomainData, **options: Any) -> Encoder:
    """Fits the encoder of the data's kind.

    Args:
        data: the source's training rows.
        **options: of the encoder; None counts as not given.

    Raises:
        ValueError: for an option that the encoder lacks, with the nearest ones.

    Example:
        >>> import numpy as np
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> data = make_domain_data("a", "features", np.array([[0.0], [2.0]]))
        >>> fit_encoder(data).apply(data.x).tolist()
        [[-1.0], [1.0]]
    """
    name = encoder_name(data)
    fit = _module(name).fit
    given = {key: value for key, value in options.items() if value is not None}
    known = list(inspect.signature(fit).parameters)[1:]
    check_names(given, known, f"option of the {name} encoder")
    encoder: Encoder = fit(data, **given)
    return encoder


def describe(name: str, encoder: Encoder) -> dict[str, Any]:
    """Returns JSON values from which :func:`restore` makes the encoder's equal.

    Args:
        name: from :func:`encoder_name`.
        encoder: fitted.
    """
    return {"encoder": name, **encoder.to_json()}


def restore(told: Mapping[str, Any]) -> Encoder:
    """Undoes :func:`describe`.

    Raises:
        ValueError: if the values are no encoder's.

    Example:
        >>> import numpy as np
        >>> told = {"encoder": "features", "normalise": "none", "mean": [0.0]}
        >>> restore(told | {"deviation": [1.0]}).apply(np.array([[3.0]])).tolist()
        [[3.0]]
    """
    values = dict(told)
    name = values.pop("encoder", None)
    encoder: Encoder = _module(str(name)).from_json(values)
    return encoder

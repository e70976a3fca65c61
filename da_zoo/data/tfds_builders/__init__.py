"""Builders, in tensorflow-datasets' layout, of sets that its catalogue lacks."""

import importlib
from typing import Any

from da_zoo.naming import choose

__all__ = ["BUILDERS", "builder_class"]

BUILDERS = (
    "amazon_reviews_da",
    "mnist_m",
    "office31",
    "office_caltech10",
    "office_home",
    "pacs",
    "uci_har_subjects",
    "uci_heart",
    "usps",
    "visda2017",
)
"""A folder each, with ``<name>_dataset_builder.py``, a README and citations."""


def builder_class(name: str) -> Any:
    """Returns the class of a builder; TFDS knows the set by its name from then on.

    Raises:
        ValueError: for another name, with the nearest ones.

    Example:
        >>> builder_class("usps").VERSION
        Version('1.0.0')
    """
    choose(dict.fromkeys(BUILDERS), name, "set that da_zoo builds")
    module = importlib.import_module(f"{__name__}.{name}.{name}_dataset_builder")
    return module.Builder

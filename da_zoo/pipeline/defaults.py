"""What a run is made of where the user says nothing: network, steps, settings.

Settings are those of the suite that benchmarks the same kind of data, so that a model
made from files is trained as the leaderboard's rows are.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from da_zoo.bench.plan import method_values
from da_zoo.registry import MethodSpec
from da_zoo.scenarios import list_suites, load_suite

__all__ = ["Defaults", "defaults"]

SUITES = {
    "table": "hospitals",
    "features": "office_caltech_surf",
    "images": "digits",
    "signals": "embedded",
    "text": "embedded",
}
"""The suite whose defaults a kind of data takes."""
LARGEST_LENET = 40
"""Side from which on images go through a residual network."""
FEWEST_STEPS, MOST_STEPS = 500, 3000
EPOCHS = 60


class Defaults(NamedTuple):
    """Of one run."""

    network: str
    network_options: dict[str, Any]
    steps: int
    batch_size: int
    values: dict[str, Any]
    """Keyword arguments of the method's factory."""
    suite: str


def defaults(
    kind: str,
    shape: tuple[int, ...],
    spec: MethodSpec,
    rows: int,
    *,
    vocabulary: int | None = None,
) -> Defaults:
    """Returns the defaults for a kind of data.

    Args:
        kind: of the rows.
        shape: of an encoded row.
        spec: the method.
        rows: of the source to train on; steps are some 60 passes through them, from 500
            to 3 000.
        vocabulary: how many tokens there are, of texts as token ids.

    Example:
        >>> from da_zoo import METHODS
        >>> defaults("features", (20,), METHODS["dann"], 100).network
        'mlp'
    """
    name = SUITES[kind] if SUITES[kind] in list_suites() else "embedded"
    suite = load_suite(name)
    batch_size = int(min(suite.defaults["batch_size"], rows))
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * rows // batch_size))
    if vocabulary is None:
        network, options = _network(kind, shape, suite.defaults)
    else:
        network, options = "bert", _small_bert(shape[0], vocabulary)
    return Defaults(
        network, options, steps, batch_size, method_values(spec, suite), name
    )


def _network(
    kind: str, shape: tuple[int, ...], told: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    if kind == "images":
        return ("lenet" if shape[0] <= LARGEST_LENET else "resnet18"), {}
    if kind == "signals":
        return "cnn1d", {}
    if len(shape) == 1 and told["network"] == "mlp":
        options = told.get("network_options", {})
        return "mlp", dict(options)
    return "mlp", {"hidden": [128, 64]}


def _small_bert(length: int, vocabulary: int) -> dict[str, Any]:
    """A Transformer that a few hundred texts can train on a laptop: docs/text.md."""
    return {
        "vocabulary": vocabulary,
        "width": 64,
        "depth": 2,
        "heads": 4,
        "max_length": length,
    }

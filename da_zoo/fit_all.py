"""``fit_all``: recipes side by side, so that one compiles while another trains."""

from collections.abc import Mapping
from typing import Any

from da_zoo.data.arrays import ArrayData
from da_zoo.loop import FitResult, fit
from da_zoo.threads import side_by_side, worker_count
from da_zoo.types import Key, Recipe

__all__ = ["fit_all"]


def fit_all(
    recipes: Mapping[str, Recipe],
    data: ArrayData,
    key: Key,
    *,
    workers: int | None = None,
    **options: Any,
) -> dict[str, FitResult]:
    """Trains recipes on the same data, keys and options.

    Compilation is most of a short comparison's time, and a compiler and a small network
    each keep one core busy: threads that each take the next recipe use them all. A
    recipe's seeds stay in one program, so results do not depend on ``workers``.

    Args:
        recipes: by name; order is kept, and the first ones begin first.
        data: for all of them.
        key: for all of them, so that seeds can be compared in pairs.
        workers: recipes in flight at once; None means one per core of a CPU, and 1
            elsewhere.
        **options: of :func:`da_zoo.fit`.

    Returns:
        A result for each name.

    Raises:
        ValueError: as :func:`da_zoo.fit`, or for no recipes at all.

    Example:
        >>> import jax, numpy as np
        >>> from da_zoo import methods, network_by_name
        >>> x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 2
        >>> network = network_by_name("mlp", hidden=(8,))
        >>> recipes = {
        ...     name: getattr(methods, name)(network, classes=2)
        ...     for name in ("source_only", "ddc")
        ... }
        >>> data = ArrayData((x, y), x + 1.0)
        >>> results = fit_all(recipes, data, jax.random.key(0), steps=5, seeds=2)
        >>> {name: result.axes for name, result in results.items()}
        {'source_only': {'seed': (0, 1)}, 'ddc': {'seed': (0, 1)}}
    """
    if not recipes:
        raise ValueError("recipes is empty; name at least one")

    def train(entry: tuple[str, Recipe]) -> FitResult:
        name, recipe = entry
        return fit(recipe, data, key, **{"workers": 1, "name": name, **options})

    results = side_by_side(train, list(recipes.items()), worker_count(workers))
    return dict(zip(recipes, results, strict=True))

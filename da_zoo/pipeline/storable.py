"""Whether a model will be one that can be kept, said before it is trained."""

import json

from da_zoo.pipeline.model import Spec
from da_zoo.pipeline.saved import spec_of

__all__ = ["check_storable"]


def check_storable(spec: Spec) -> None:
    """Refuses a spec whose model could not be saved, or not be loaded again.

    Args:
        spec: of a model that is not trained yet.

    Raises:
        ValueError: naming what JSON does not hold, or what is beyond the limits of
            :func:`da_zoo.load`, which takes models from strangers.

    Example:
        >>> nothing = Spec(*[None] * len(Spec._fields))
        >>> check_storable(nothing._replace(network_options={"hidden": {8}}))
        Traceback (most recent call last):
        ...
        ValueError: hidden={8} cannot be kept in model.json: give numbers, texts, \
lists of such or None
    """
    for field, value in spec._asdict().items():
        named = value.items() if isinstance(value, dict) else [(field, value)]
        for name, one in named:
            try:
                json.dumps(one, allow_nan=False)
            except (TypeError, ValueError):
                raise ValueError(
                    f"{name}={one!r:.200} cannot be kept in model.json: give numbers, "
                    "texts, lists of such or None"
                ) from None
    try:
        spec_of(json.loads(json.dumps(spec._asdict())))
    except ValueError as error:
        raise ValueError(
            f"a model of {spec.method} on these rows could be saved, but not be loaded "
            f"again: {error}; make that smaller"
        ) from None

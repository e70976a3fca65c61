"""Grad-CAM: where in the image a late stage speaks for a class."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from da_zoo.interpret.model import Model, as_floats, chosen_classes
from da_zoo.interpret.stage_gradient import stage_gradient

__all__ = ["GradCam", "grad_cam"]


class GradCam(NamedTuple):
    """What :func:`grad_cam` returns."""

    map: Float[Array, "n h w"]
    """In the input's size, at least 0."""
    stage_map: Float[Array, "n p q"]
    """In the stage's size, before it is enlarged: all that is really known."""


def grad_cam(
    model: Model,
    x: Shaped[Any, "n ..."],
    *,
    stage: str | None = None,
    classes: int | Int[Any, " n"] | None = None,
) -> GradCam:
    """Weighs a stage's channels by the mean derivative of a logit, and adds them up.

    Args:
        model: whose network returns stages, see :mod:`da_zoo.interpret.stage_gradient`
            for what it must do.
        x: images [n, h, w, c].
        stage: name of a stage [n, p, q, channels]; None takes the last such one.
        classes: which logit: one for all rows or one a row; None the largest.

    Returns:
        The positive part of the sum, in logits (the mean of a channel's derivatives
        times its activation). All 0 where the stage speaks against the class only.

    Raises:
        TypeError: for inputs that are no numbers, ids too.
        ValueError: for inputs that are no images, an unknown stage or class, a stage of
            another shape, or one that the logits do not depend on.

    Example:
        >>> from da_zoo import network_by_name
        >>> network, x = network_by_name("lenet"), jnp.ones((1, 8, 8, 1))
        >>> params, stats = network.init(jax.random.key(0), x)
        >>> head = {"kernel": jnp.ones((100, 2)), "bias": jnp.zeros(2)}
        >>> found = grad_cam(Model(network, params, stats, head), x)
        >>> found.map.shape, found.stage_map.shape
        ((1, 8, 8), (1, 2, 2))

    References:
        Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
        Gradient-based Localization", ICCV 2017, equations 1 and 2.
    """
    images = as_floats(x)
    if images.ndim != 4:
        raise ValueError(f"x must be images [n, h, w, c], got {images.shape}")
    shapes = {
        name: value.shape
        for name, value in jax.eval_shape(model.outputs, images).stages.items()
    }
    spatial = [name for name, shape in shapes.items() if len(shape) == 4]
    name = stage if stage is not None else next(reversed(spatial), None)
    if name is None or (name in shapes and name not in spatial):
        raise ValueError(
            f"stage {name!r} is no map [n, p, q, channels]; stages of this network: "
            f"{shapes or 'none'}"
        )
    which = chosen_classes(model(images), classes)
    value, gradient = stage_gradient(model, images, which, name)
    weights = jnp.mean(gradient, axis=(1, 2), keepdims=True)
    stage_map = jnp.maximum(jnp.sum(weights * value, axis=3), 0.0)
    full = jax.image.resize(stage_map, images.shape[:3], "bilinear")
    return GradCam(full, stage_map)

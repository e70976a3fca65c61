"""What the compiler is told on each backend."""

import jax

__all__ = ["compiler_options"]

CPU_OPTIONS: dict[str, str | bool] = {"xla_backend_optimization_level": "2"}
"""LLVM's third level takes twice the second's time and makes nothing here faster
(docs/performance.md)."""


def compiler_options() -> dict[str, str | bool] | None:
    """Returns options for ``jax.jit`` and ``lower().compile()`` on this backend.

    Example:
        >>> import jax.numpy as jnp
        >>> f = jax.jit(jnp.sin, compiler_options=compiler_options())
        >>> float(f(0.0))
        0.0
    """
    return dict(CPU_OPTIONS) if jax.default_backend() == "cpu" else None

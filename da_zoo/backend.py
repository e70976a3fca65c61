"""What the compiler is told on each backend."""

import os

import jax

__all__ = ["compiler_options", "share_devices"]

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


def share_devices() -> None:
    """Lets several processes use one accelerator: none takes three quarters at once.

    Call it before JAX starts its backend, which the first look at devices does. What
    the user has set in ``XLA_PYTHON_CLIENT_PREALLOCATE`` stays.

    Example:
        >>> share_devices()
        >>> "XLA_PYTHON_CLIENT_PREALLOCATE" in os.environ
        True
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

"""da_zoo: domain adaptation and transfer learning for JAX.

Three front doors: :class:`DomainAdapter` (scikit-learn style), pure functions
(``methods``, ``fit``, ``make_train_step``, ``losses``) and the command ``da-zoo``.
"""

from typing import TYPE_CHECKING, Any

from da_zoo import layers, losses, methods, metrics, models, schedules
from da_zoo.compose import from_updates, with_hparams
from da_zoo.data.arrays import ArrayData
from da_zoo.fit_all import fit_all
from da_zoo.loop import FitResult, NonFiniteLossError, fit
from da_zoo.methods import METHODS
from da_zoo.models import network_by_name
from da_zoo.network import Network, network_from_linen, network_from_nnx
from da_zoo.precision import with_precision
from da_zoo.registry import Hyperparameter, MethodSpec, build_recipe
from da_zoo.settings import Settings
from da_zoo.step import make_eval_step, make_train_step
from da_zoo.types import (
    Adapter,
    Aux,
    Batch,
    Examples,
    Outputs,
    Phase,
    Predictions,
    Recipe,
    TrainState,
    Update,
    Views,
)

if TYPE_CHECKING:
    from da_zoo.estimator import DomainAdapter

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "Adapter",
    "ArrayData",
    "Aux",
    "Batch",
    "DomainAdapter",
    "Examples",
    "FitResult",
    "Hyperparameter",
    "MethodSpec",
    "Network",
    "NonFiniteLossError",
    "Outputs",
    "Phase",
    "Predictions",
    "Recipe",
    "Settings",
    "TrainState",
    "Update",
    "Views",
    "build_recipe",
    "fit",
    "fit_all",
    "from_updates",
    "layers",
    "losses",
    "make_eval_step",
    "make_train_step",
    "methods",
    "metrics",
    "models",
    "network_by_name",
    "network_from_linen",
    "network_from_nnx",
    "schedules",
    "with_hparams",
    "with_precision",
]


def __getattr__(name: str) -> Any:
    """Imports the estimator when it is asked for: scikit-learn takes half a second."""
    if name == "DomainAdapter":
        from da_zoo.estimator import DomainAdapter

        return DomainAdapter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

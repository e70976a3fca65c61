"""da_zoo: domain adaptation and transfer learning for JAX.

Three front doors: :class:`DomainAdapter` (scikit-learn style), pure functions
(``methods``, ``fit``, ``make_train_step``, ``losses``) and the command ``da-zoo``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from da_zoo import layers, losses, methods, metrics, models, schedules
from da_zoo.checkpoint import Checkpointing
from da_zoo.compose import from_updates, with_hparams
from da_zoo.data.arrays import ArrayData
from da_zoo.fit_all import fit_all
from da_zoo.loop import FitResult, NonFiniteLossError, fit
from da_zoo.methods import METHODS
from da_zoo.methods.pretraining import pretrain
from da_zoo.models import network_by_name
from da_zoo.network import Network, network_from_linen, network_from_nnx
from da_zoo.precision import with_precision
from da_zoo.pretrained import Pretrained, start_from
from da_zoo.registry import Hyperparameter, MethodSpec, ShallowSpec, build_recipe
from da_zoo.settings import Continuous, Settings
from da_zoo.sharding import make_mesh
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
    from da_zoo import transferability
    from da_zoo.advice import advise
    from da_zoo.estimator import DomainAdapter
    from da_zoo.pipeline import AdaptedModel, adapt, load
    from da_zoo.shallow import SHALLOW
    from da_zoo.shallow.adapter import ShallowAdapter

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "SHALLOW",
    "AdaptedModel",
    "Adapter",
    "ArrayData",
    "Aux",
    "Batch",
    "Checkpointing",
    "Continuous",
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
    "Pretrained",
    "Recipe",
    "Settings",
    "ShallowAdapter",
    "ShallowSpec",
    "TrainState",
    "Update",
    "Views",
    "adapt",
    "advise",
    "build_recipe",
    "fit",
    "fit_all",
    "from_updates",
    "layers",
    "load",
    "losses",
    "make_eval_step",
    "make_mesh",
    "make_train_step",
    "methods",
    "metrics",
    "models",
    "network_by_name",
    "network_from_linen",
    "network_from_nnx",
    "pretrain",
    "schedules",
    "start_from",
    "transferability",
    "with_hparams",
    "with_precision",
]


_LATE = {
    "AdaptedModel": "da_zoo.pipeline",
    "DomainAdapter": "da_zoo.estimator",
    "SHALLOW": "da_zoo.shallow",
    "ShallowAdapter": "da_zoo.shallow.adapter",
    "adapt": "da_zoo.pipeline",
    "advise": "da_zoo.advice",
    "load": "da_zoo.pipeline",
    "transferability": "da_zoo.transferability",
}


def __getattr__(name: str) -> Any:
    """Imports what needs scikit-learn when it is asked for: it takes half a second."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_LATE[name])
    # A subpackage is what it is called; the others are found inside their module.
    return module if module.__name__ == f"{__name__}.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return __all__

"""Methods, one file each, and the registry that names them."""

from da_zoo.methods.adabn import SPEC as _ADABN
from da_zoo.methods.adabn import adabn
from da_zoo.methods.afn import SPEC as _AFN
from da_zoo.methods.afn import afn
from da_zoo.methods.bnm import SPEC as _BNM
from da_zoo.methods.bnm import bnm
from da_zoo.methods.cdan import SPEC as _CDAN
from da_zoo.methods.cdan import cdan
from da_zoo.methods.cdan_e import SPEC as _CDAN_E
from da_zoo.methods.cdan_e import cdan_e
from da_zoo.methods.cmd import SPEC as _CMD
from da_zoo.methods.cmd import cmd
from da_zoo.methods.dan import SPEC as _DAN
from da_zoo.methods.dan import dan
from da_zoo.methods.dann import SPEC as _DANN
from da_zoo.methods.dann import dann
from da_zoo.methods.ddc import SPEC as _DDC
from da_zoo.methods.ddc import ddc
from da_zoo.methods.deep_coral import SPEC as _DEEP_CORAL
from da_zoo.methods.deep_coral import deep_coral
from da_zoo.methods.entropy_minimization import SPEC as _ENTROPY_MINIMIZATION
from da_zoo.methods.entropy_minimization import entropy_minimization
from da_zoo.methods.fine_tuning import SPEC as _FINE_TUNING
from da_zoo.methods.fine_tuning import fine_tuning
from da_zoo.methods.homm import SPEC as _HOMM
from da_zoo.methods.homm import homm
from da_zoo.methods.jan import SPEC as _JAN
from da_zoo.methods.jan import jan
from da_zoo.methods.linear_probe import SPEC as _LINEAR_PROBE
from da_zoo.methods.linear_probe import linear_probe
from da_zoo.methods.lp_ft import SPEC as _LP_FT
from da_zoo.methods.lp_ft import lp_ft
from da_zoo.methods.mcc import SPEC as _MCC
from da_zoo.methods.mcc import mcc
from da_zoo.methods.partial_freezing import SPEC as _PARTIAL_FREEZING
from da_zoo.methods.partial_freezing import partial_freezing
from da_zoo.methods.pooled import SPEC as _POOLED
from da_zoo.methods.pooled import pooled
from da_zoo.methods.source_only import SPEC as _SOURCE_ONLY
from da_zoo.methods.source_only import source_only
from da_zoo.methods.target_only import SPEC as _TARGET_ONLY
from da_zoo.methods.target_only import target_only
from da_zoo.registry import MethodSpec

__all__ = [
    "METHODS",
    "adabn",
    "afn",
    "bnm",
    "cdan",
    "cdan_e",
    "cmd",
    "dan",
    "dann",
    "ddc",
    "deep_coral",
    "entropy_minimization",
    "fine_tuning",
    "homm",
    "jan",
    "linear_probe",
    "lp_ft",
    "mcc",
    "partial_freezing",
    "pooled",
    "source_only",
    "target_only",
]

METHODS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        _SOURCE_ONLY,
        _TARGET_ONLY,
        _POOLED,
        _FINE_TUNING,
        _LINEAR_PROBE,
        _PARTIAL_FREEZING,
        _LP_FT,
        _ADABN,
        _DDC,
        _DAN,
        _JAN,
        _DEEP_CORAL,
        _HOMM,
        _CMD,
        _AFN,
        _DANN,
        _CDAN,
        _CDAN_E,
        _ENTROPY_MINIMIZATION,
        _MCC,
        _BNM,
    )
}
"""Every method by name: baselines first, then by setting."""

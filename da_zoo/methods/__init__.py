"""Methods, one file each, and the registry that names them."""

from da_zoo.methods.adabn import SPEC as _ADABN
from da_zoo.methods.adabn import adabn
from da_zoo.methods.adamatch import SPEC as _ADAMATCH
from da_zoo.methods.adamatch import adamatch
from da_zoo.methods.adda import SPEC as _ADDA
from da_zoo.methods.adda import adda
from da_zoo.methods.afn import SPEC as _AFN
from da_zoo.methods.afn import afn
from da_zoo.methods.bi_tuning import SPEC as _BI_TUNING
from da_zoo.methods.bi_tuning import bi_tuning
from da_zoo.methods.bnm import SPEC as _BNM
from da_zoo.methods.bnm import bnm
from da_zoo.methods.bss import SPEC as _BSS
from da_zoo.methods.bss import bss
from da_zoo.methods.cdan import SPEC as _CDAN
from da_zoo.methods.cdan import cdan
from da_zoo.methods.cdan_e import SPEC as _CDAN_E
from da_zoo.methods.cdan_e import cdan_e
from da_zoo.methods.cmd import SPEC as _CMD
from da_zoo.methods.cmd import cmd
from da_zoo.methods.co_tuning import SPEC as _CO_TUNING
from da_zoo.methods.co_tuning import co_tuning
from da_zoo.methods.daln import SPEC as _DALN
from da_zoo.methods.daln import daln
from da_zoo.methods.dan import SPEC as _DAN
from da_zoo.methods.dan import dan
from da_zoo.methods.dann import SPEC as _DANN
from da_zoo.methods.dann import dann
from da_zoo.methods.ddc import SPEC as _DDC
from da_zoo.methods.ddc import ddc
from da_zoo.methods.deep_coral import SPEC as _DEEP_CORAL
from da_zoo.methods.deep_coral import deep_coral
from da_zoo.methods.deepjdot import SPEC as _DEEPJDOT
from da_zoo.methods.deepjdot import deepjdot
from da_zoo.methods.delta import SPEC as _DELTA
from da_zoo.methods.delta import delta
from da_zoo.methods.dsan import SPEC as _DSAN
from da_zoo.methods.dsan import dsan
from da_zoo.methods.dsbn import SPEC as _DSBN
from da_zoo.methods.dsbn import dsbn
from da_zoo.methods.entropy_minimization import SPEC as _ENTROPY_MINIMIZATION
from da_zoo.methods.entropy_minimization import entropy_minimization
from da_zoo.methods.fada import SPEC as _FADA
from da_zoo.methods.fada import fada
from da_zoo.methods.fine_tuning import SPEC as _FINE_TUNING
from da_zoo.methods.fine_tuning import fine_tuning
from da_zoo.methods.fixmatch import SPEC as _FIXMATCH
from da_zoo.methods.fixmatch import fixmatch
from da_zoo.methods.full_fine_tuning import SPEC as _FULL_FINE_TUNING
from da_zoo.methods.full_fine_tuning import full_fine_tuning
from da_zoo.methods.homm import SPEC as _HOMM
from da_zoo.methods.homm import homm
from da_zoo.methods.jan import SPEC as _JAN
from da_zoo.methods.jan import jan
from da_zoo.methods.l2_sp import SPEC as _L2_SP
from da_zoo.methods.l2_sp import l2_sp
from da_zoo.methods.layer_decay import SPEC as _LAYER_DECAY
from da_zoo.methods.layer_decay import layer_decay
from da_zoo.methods.linear_probe import SPEC as _LINEAR_PROBE
from da_zoo.methods.linear_probe import linear_probe
from da_zoo.methods.log_coral import SPEC as _LOG_CORAL
from da_zoo.methods.log_coral import log_coral
from da_zoo.methods.lora import SPEC as _LORA
from da_zoo.methods.lora import lora
from da_zoo.methods.lp_ft import SPEC as _LP_FT
from da_zoo.methods.lp_ft import lp_ft
from da_zoo.methods.lwf import SPEC as _LWF
from da_zoo.methods.lwf import lwf
from da_zoo.methods.m3sda import SPEC as _M3SDA
from da_zoo.methods.m3sda import m3sda
from da_zoo.methods.mcc import SPEC as _MCC
from da_zoo.methods.mcc import mcc
from da_zoo.methods.mcd import SPEC as _MCD
from da_zoo.methods.mcd import mcd
from da_zoo.methods.mdd import SPEC as _MDD
from da_zoo.methods.mdd import mdd
from da_zoo.methods.mean_teacher import SPEC as _MEAN_TEACHER
from da_zoo.methods.mean_teacher import mean_teacher
from da_zoo.methods.mme import SPEC as _MME
from da_zoo.methods.mme import mme
from da_zoo.methods.nrc import SPEC as _NRC
from da_zoo.methods.nrc import nrc
from da_zoo.methods.osbp import SPEC as _OSBP
from da_zoo.methods.osbp import osbp
from da_zoo.methods.pada import SPEC as _PADA
from da_zoo.methods.pada import pada
from da_zoo.methods.partial_freezing import SPEC as _PARTIAL_FREEZING
from da_zoo.methods.partial_freezing import partial_freezing
from da_zoo.methods.pooled import SPEC as _POOLED
from da_zoo.methods.pooled import pooled
from da_zoo.methods.prototypes import SPEC as _PROTOTYPES
from da_zoo.methods.prototypes import prototypes
from da_zoo.methods.pseudo_label import SPEC as _PSEUDO_LABEL
from da_zoo.methods.pseudo_label import pseudo_label
from da_zoo.methods.rsd import SPEC as _RSD
from da_zoo.methods.rsd import rsd
from da_zoo.methods.shot import SPEC as _SHOT
from da_zoo.methods.shot import shot
from da_zoo.methods.shot_im import SPEC as _SHOT_IM
from da_zoo.methods.shot_im import shot_im
from da_zoo.methods.source_only import SPEC as _SOURCE_ONLY
from da_zoo.methods.source_only import source_only
from da_zoo.methods.stoch_norm import SPEC as _STOCH_NORM
from da_zoo.methods.stoch_norm import stoch_norm
from da_zoo.methods.swd import SPEC as _SWD
from da_zoo.methods.swd import swd
from da_zoo.methods.t3a import SPEC as _T3A
from da_zoo.methods.t3a import t3a
from da_zoo.methods.target_only import SPEC as _TARGET_ONLY
from da_zoo.methods.target_only import target_only
from da_zoo.methods.tent import SPEC as _TENT
from da_zoo.methods.tent import tent
from da_zoo.methods.wdgrl import SPEC as _WDGRL
from da_zoo.methods.wdgrl import wdgrl
from da_zoo.registry import MethodSpec

__all__ = [
    "METHODS",
    "adabn",
    "adamatch",
    "adda",
    "afn",
    "bi_tuning",
    "bnm",
    "bss",
    "cdan",
    "cdan_e",
    "cmd",
    "co_tuning",
    "daln",
    "dan",
    "dann",
    "ddc",
    "deep_coral",
    "deepjdot",
    "delta",
    "dsan",
    "dsbn",
    "entropy_minimization",
    "fada",
    "fine_tuning",
    "fixmatch",
    "full_fine_tuning",
    "homm",
    "jan",
    "l2_sp",
    "layer_decay",
    "linear_probe",
    "log_coral",
    "lora",
    "lp_ft",
    "lwf",
    "m3sda",
    "mcc",
    "mcd",
    "mdd",
    "mean_teacher",
    "mme",
    "nrc",
    "osbp",
    "pada",
    "partial_freezing",
    "pooled",
    "prototypes",
    "pseudo_label",
    "rsd",
    "shot",
    "shot_im",
    "source_only",
    "stoch_norm",
    "swd",
    "t3a",
    "target_only",
    "tent",
    "wdgrl",
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
        _FULL_FINE_TUNING,
        _LAYER_DECAY,
        _L2_SP,
        _BSS,
        _DELTA,
        _LWF,
        _CO_TUNING,
        _BI_TUNING,
        _STOCH_NORM,
        _LORA,
        _MME,
        _FADA,
        _PROTOTYPES,
        _ADABN,
        _DDC,
        _DAN,
        _JAN,
        _DSAN,
        _DEEP_CORAL,
        _LOG_CORAL,
        _HOMM,
        _CMD,
        _AFN,
        _M3SDA,
        _RSD,
        _DEEPJDOT,
        _DANN,
        _ADDA,
        _CDAN,
        _CDAN_E,
        _PADA,
        _OSBP,
        _MCD,
        _SWD,
        _MDD,
        _WDGRL,
        _DALN,
        _ENTROPY_MINIMIZATION,
        _MCC,
        _BNM,
        _PSEUDO_LABEL,
        _MEAN_TEACHER,
        _FIXMATCH,
        _ADAMATCH,
        _SHOT,
        _SHOT_IM,
        _NRC,
        _TENT,
        _T3A,
        _DSBN,
    )
}
"""Every method by name: baselines first, then by setting."""

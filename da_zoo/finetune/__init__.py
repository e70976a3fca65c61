"""Fine-tuning: plans of stages, presets, penalties, LoRA, averages, deltas on disk.

``FineTunePlan`` says which layers train, how fast and with which statistics; its
``recipe`` goes through the one training step like every method's.
"""

from da_zoo.finetune import presets
from da_zoo.finetune.averaging import averaged_state, interpolate, with_average
from da_zoo.finetune.bi_tuning import bi_tuning
from da_zoo.finetune.delta import delta
from da_zoo.finetune.deltas import Delta, hash_variables, load_delta, save_delta
from da_zoo.finetune.interpolation import uniform_soup, wise_ft
from da_zoo.finetune.lora import LoRA, lora_factors, merge_lora, unmerge_lora
from da_zoo.finetune.penalties import Penalty, alignment, bss, l2_sp
from da_zoo.finetune.plan import FineTunePlan, Stage
from da_zoo.finetune.plan_json import describe_plan, read_plan
from da_zoo.finetune.protocols import TuningProtocol
from da_zoo.finetune.rules import Rule
from da_zoo.finetune.source_head import co_tuning, lwf

__all__ = [
    "Delta",
    "FineTunePlan",
    "LoRA",
    "Penalty",
    "Rule",
    "Stage",
    "TuningProtocol",
    "alignment",
    "averaged_state",
    "bi_tuning",
    "bss",
    "co_tuning",
    "delta",
    "describe_plan",
    "hash_variables",
    "interpolate",
    "l2_sp",
    "load_delta",
    "lora_factors",
    "lwf",
    "merge_lora",
    "presets",
    "read_plan",
    "save_delta",
    "uniform_soup",
    "unmerge_lora",
    "wise_ft",
    "with_average",
]

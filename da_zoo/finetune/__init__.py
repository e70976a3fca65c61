"""Fine-tuning: plans of stages, presets, penalties, LoRA.

``FineTunePlan`` says which layers train, how fast and with which statistics; its
``recipe`` goes through the one training step like every method's.
"""

from da_zoo.finetune import presets
from da_zoo.finetune.bi_tuning import bi_tuning
from da_zoo.finetune.delta import delta
from da_zoo.finetune.lora import LoRA, lora_factors, merge_lora, unmerge_lora
from da_zoo.finetune.penalties import Penalty, alignment, bss, l2_sp
from da_zoo.finetune.plan import FineTunePlan, Stage
from da_zoo.finetune.rules import Rule
from da_zoo.finetune.source_head import co_tuning, lwf

__all__ = [
    "FineTunePlan",
    "LoRA",
    "Penalty",
    "Rule",
    "Stage",
    "alignment",
    "bi_tuning",
    "bss",
    "co_tuning",
    "delta",
    "l2_sp",
    "lora_factors",
    "lwf",
    "merge_lora",
    "presets",
    "unmerge_lora",
]

"""Looking into trained models: what moved, what a decision rests on, where rows lie."""

from da_zoo.interpret.grad_cam import GradCam, grad_cam
from da_zoo.interpret.integrated_gradients import Attributions, integrated_gradients
from da_zoo.interpret.model import Model, model_of
from da_zoo.interpret.moved import Moved, Part, what_moved
from da_zoo.interpret.occlusion import occlusion
from da_zoo.interpret.saliency import saliency

__all__ = [
    "Attributions",
    "GradCam",
    "Model",
    "Moved",
    "Part",
    "grad_cam",
    "integrated_gradients",
    "model_of",
    "occlusion",
    "saliency",
    "what_moved",
]

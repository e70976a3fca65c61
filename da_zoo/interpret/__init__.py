"""Looking into trained models: what moved, what a decision rests on, where rows lie.

The functions compute; ``plot_...`` draws and returns matplotlib axes;
``interpret_page`` writes it all into one page.
"""

from da_zoo.interpret.figures import save_figure
from da_zoo.interpret.grad_cam import GradCam, grad_cam
from da_zoo.interpret.integrated_gradients import Attributions, integrated_gradients
from da_zoo.interpret.model import Model, model_of
from da_zoo.interpret.moved import Moved, Part, what_moved
from da_zoo.interpret.occlusion import occlusion
from da_zoo.interpret.page import interpret_page
from da_zoo.interpret.plot_attributions import plot_attributions, plot_columns
from da_zoo.interpret.plot_embedding import plot_embedding
from da_zoo.interpret.plot_moved import plot_moved
from da_zoo.interpret.saliency import saliency

__all__ = [
    "Attributions",
    "GradCam",
    "Model",
    "Moved",
    "Part",
    "grad_cam",
    "integrated_gradients",
    "interpret_page",
    "model_of",
    "occlusion",
    "plot_attributions",
    "plot_columns",
    "plot_embedding",
    "plot_moved",
    "saliency",
    "save_figure",
    "what_moved",
]

"""Office-Caltech: the ten classes that Office-31 and Caltech-256 share."""

from collections.abc import Sequence
from typing import ClassVar

import tensorflow_datasets as tfds

from da_zoo.data.tfds_builders.image_tree import ImageTreeBuilder, domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile

__all__ = ["Builder"]


class Builder(ImageTreeBuilder):
    """958, 1 123, 157 and 295 images of ten classes (Gong et al. 2012)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {
            "amazon": "Product photographs of a web shop, mostly on white.",
            "caltech10": "Caltech-256: pictures found on the web.",
            "dslr": "Photographs by a digital reflex camera.",
            "webcam": "Pictures of low quality by a web camera.",
        }
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put there the folders amazon, caltech10 (or caltech), dslr and webcam with folders
    of the ten classes, or an archive of them called office_caltech_10.zip. They are in
    many public repositories on domain adaptation; the authors' page is
    http://www-scf.usc.edu/~boqinggo/domainadaptation.html.
    """
    HOMEPAGE = "http://www-scf.usc.edu/~boqinggo/domainadaptation.html"
    FOLDERS: ClassVar[dict[str, Sequence[str]]] = {
        "amazon": ("amazon/images", "amazon"),
        "caltech10": ("caltech10", "caltech", "caltech/images"),
        "dslr": ("dslr/images", "dslr"),
        "webcam": ("webcam/images", "webcam"),
    }
    ARCHIVES = (
        RawFile("office_caltech_10.zip"),
        RawFile("office_caltech10.zip"),
        RawFile("office_caltech_10.tar.gz"),
    )
    CLASSES = (
        "backpack",
        "bike",
        "calculator",
        "headphones",
        "keyboard",
        "laptop",
        "monitor",
        "mouse",
        "mug",
        "projector",
    )
    # As Office-31 and Caltech-256 call them.
    ALIASES: ClassVar[dict[str, str]] = {
        "back_pack": "backpack",
        "laptop_computer": "laptop",
        "laptop-101": "laptop",
        "touring-bike": "bike",
        "computer-keyboard": "keyboard",
        "computer-monitor": "monitor",
        "computer-mouse": "mouse",
        "coffee-mug": "mug",
        "video-projector": "projector",
    }

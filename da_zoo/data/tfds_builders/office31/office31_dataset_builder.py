"""Office-31: objects of an office, from a web shop and two cameras."""

from collections.abc import Sequence
from typing import ClassVar

import tensorflow_datasets as tfds

from da_zoo.data.tfds_builders.image_tree import ImageTreeBuilder, domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile

__all__ = ["Builder"]


class Builder(ImageTreeBuilder):
    """2 817, 498 and 795 images of 31 classes (Saenko et al. 2010)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {
            "amazon": "Product photographs of a web shop, mostly on white.",
            "dslr": "Photographs by a digital reflex camera.",
            "webcam": "Pictures of low quality by a web camera.",
        }
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Fetch the images from https://faculty.cc.gatech.edu/~judy/domainadapt/ (Google
    Drive, which needs a browser) and put there domain_adaptation_images.tar.gz or
    office31.zip, or the folders amazon, dslr and webcam, with images/back_pack/*.jpg
    or back_pack/*.jpg in each.
    """
    HOMEPAGE = "https://faculty.cc.gatech.edu/~judy/domainadapt/"
    FOLDERS: ClassVar[dict[str, Sequence[str]]] = {
        one: (f"{one}/images", one) for one in ("amazon", "dslr", "webcam")
    }
    ARCHIVES = tuple(
        RawFile(name)
        for name in (
            "domain_adaptation_images.tar.gz",
            "domain_adaptation_images.tar",
            "office31.zip",
            "office31.tar.gz",
            "office31.tgz",
        )
    )
    CLASSES = (
        "back_pack",
        "bike",
        "bike_helmet",
        "bookcase",
        "bottle",
        "calculator",
        "desk_chair",
        "desk_lamp",
        "desktop_computer",
        "file_cabinet",
        "headphones",
        "keyboard",
        "laptop_computer",
        "letter_tray",
        "mobile_phone",
        "monitor",
        "mouse",
        "mug",
        "paper_notebook",
        "pen",
        "phone",
        "printer",
        "projector",
        "punchers",
        "ring_binder",
        "ruler",
        "scissors",
        "speaker",
        "stapler",
        "tape_dispenser",
        "trash_can",
    )

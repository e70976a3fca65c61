"""PACS: photographs, art paintings, cartoons and sketches."""

from collections.abc import Sequence
from typing import ClassVar

import tensorflow_datasets as tfds

from da_zoo.data.tfds_builders.image_tree import ImageTreeBuilder, domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile

__all__ = ["Builder"]


class Builder(ImageTreeBuilder):
    """9 991 images of seven classes (Li et al. 2017)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {
            "art_painting": "Paintings.",
            "cartoon": "Cartoons.",
            "photo": "Photographs.",
            "sketch": "Sketches without colour.",
        }
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Fetch PACS from https://sketchx.eecs.qmul.ac.uk/downloads/ (Google Drive, which
    needs a browser) and put there PACS.zip, or its folders art_painting, cartoon,
    photo and sketch, with folders of the classes in each.
    """
    HOMEPAGE = "https://sketchx.eecs.qmul.ac.uk/downloads/"
    FOLDERS: ClassVar[dict[str, Sequence[str]]] = {
        "art_painting": ("artpainting",),
        "cartoon": ("cartoon",),
        "photo": ("photo",),
        "sketch": ("sketch",),
    }
    ARCHIVES = (RawFile("PACS.zip"), RawFile("pacs.zip"), RawFile("kfold.zip"))
    CLASSES = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")

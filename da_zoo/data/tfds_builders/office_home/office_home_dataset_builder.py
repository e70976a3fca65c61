"""Office-Home: everyday objects in art, clip art, product pictures and photographs."""

from collections.abc import Sequence
from typing import ClassVar

import tensorflow_datasets as tfds

from da_zoo.data.tfds_builders.image_tree import ImageTreeBuilder, domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile

__all__ = ["Builder"]


class Builder(ImageTreeBuilder):
    """15 588 images of 65 classes (Venkateswara et al. 2017)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs(
        {
            "art": "Sketches, paintings and ornaments.",
            "clipart": "Clip art.",
            "product": "Objects without a background.",
            "real_world": "Photographs by an ordinary camera.",
        }
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Fetch OfficeHomeDataset_10072016.zip from
    https://www.hemanthdv.org/officeHomeDataset.html (Google Drive, which needs a
    browser) and put it there, or its folders Art, Clipart, Product and Real World.
    """
    HOMEPAGE = "https://www.hemanthdv.org/officeHomeDataset.html"
    FOLDERS: ClassVar[dict[str, Sequence[str]]] = {
        "art": ("art",),
        "clipart": ("clipart",),
        "product": ("product",),
        "real_world": ("realworld", "real"),
    }
    # The sum stands in three repositories that do not quote one another.
    ARCHIVES = (
        RawFile(
            "OfficeHomeDataset_10072016.zip", md5="b1c14819770c4448fd5b6d931031c91c"
        ),
        RawFile("office_home.zip", md5="b1c14819770c4448fd5b6d931031c91c"),
    )
    CLASSES = (
        "Alarm_Clock",
        "Backpack",
        "Batteries",
        "Bed",
        "Bike",
        "Bottle",
        "Bucket",
        "Calculator",
        "Calendar",
        "Candles",
        "Chair",
        "Clipboards",
        "Computer",
        "Couch",
        "Curtains",
        "Desk_Lamp",
        "Drill",
        "Eraser",
        "Exit_Sign",
        "Fan",
        "File_Cabinet",
        "Flipflops",
        "Flowers",
        "Folder",
        "Fork",
        "Glasses",
        "Hammer",
        "Helmet",
        "Kettle",
        "Keyboard",
        "Knives",
        "Lamp_Shade",
        "Laptop",
        "Marker",
        "Monitor",
        "Mop",
        "Mouse",
        "Mug",
        "Notebook",
        "Oven",
        "Pan",
        "Paper_Clip",
        "Pen",
        "Pencil",
        "Postit_Notes",
        "Printer",
        "Push_Pin",
        "Radio",
        "Refrigerator",
        "Ruler",
        "Scissors",
        "Screwdriver",
        "Shelf",
        "Sink",
        "Sneakers",
        "Soda",
        "Speaker",
        "Spoon",
        "TV",
        "Table",
        "Telephone",
        "ToothBrush",
        "Toys",
        "Trash_Can",
        "Webcam",
    )

"""``da-zoo data inspect``: says what lies in a file or folder, and draws it."""

import argparse
import json
from pathlib import Path
from typing import Any

from da_zoo.commands.shared import cache_programs, names, setting
from da_zoo.logs import log_event

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    inspect = commands.add_parser(
        "inspect",
        help="count, compare and draw what lies in your files",
        description=(
            "Reads a file or folder, or a source and a target. Tells how many rows, "
            "classes and missing values there are, what ranges they have, how far "
            "apart the domains lie and which case that is. Draws a contact sheet."
        ),
        epilog="Example: da-zoo data inspect source.csv target.csv --label outcome",
    )
    inspect.add_argument("path", metavar="PATH", help="as da-zoo adapt takes them")
    inspect.add_argument(
        "target", nargs="?", metavar="PATH2", help="the target; its labels stay unread"
    )
    inspect.add_argument(
        "--label",
        metavar="NAME",
        help="the column or array of labels; in folders of classes they are known",
    )
    inspect.add_argument(
        "--no-labels", action="store_true", help="do not read folders of classes"
    )
    inspect.add_argument(
        "--target-labels", action="store_true", help="read those of PATH2 as well"
    )
    inspect.add_argument(
        "--regression",
        action=argparse.BooleanOptionalAction,
        help="whether labels are values, not classes; default: if they have fractions",
    )
    inspect.add_argument("--kind", metavar="KIND", help="of the data; default: guessed")
    inspect.add_argument("--drop", type=names, metavar="A,B", help="columns left out")
    inspect.add_argument(
        "--domain", metavar="NAME", help="the column or array of domains' names"
    )
    inspect.add_argument("--text", metavar="NAME", help="the column of texts")
    inspect.add_argument(
        "--skip-corrupt", action="store_true", help="leave unreadable images out"
    )
    inspect.add_argument(
        "--read",
        type=setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the reader, such as length=128",
    )
    inspect.add_argument(
        "--out",
        default="inspect.png",
        metavar="FILE",
        help="the contact sheet; none draws none; default: inspect.png",
    )
    inspect.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, and says where the picture is."""
    cache_programs()
    from da_zoo.data.contact_sheet import contact_sheet, save_png
    from da_zoo.data.inspect import inspect_data
    from da_zoo.data.inspect_text import inspection_text

    drawn = arguments.out.lower() != "none"
    if drawn and not arguments.out.lower().endswith(".png"):
        raise ValueError(f"--out must end in .png, or be none; got {arguments.out!r}")
    source = _side(arguments, arguments.path, "source", not arguments.no_labels)
    target = None
    if arguments.target is not None:
        wanted = arguments.target_labels and not arguments.no_labels
        target = _side(arguments, arguments.target, "target", wanted)
    found = inspect_data(source, target, seed=arguments.seed)
    picture = None
    if drawn:
        picture = save_png(
            contact_sheet(source, target, seed=arguments.seed), Path(arguments.out)
        )
    if arguments.json:
        told = found.to_json() | {"picture": picture and str(picture)}
        print(json.dumps(told, allow_nan=False, indent=1))
    else:
        print(inspection_text(found))
    if picture is not None:
        line = f"\nContact sheet: {picture}"
        if arguments.json:
            log_event("contact_sheet", line, path=picture)
        else:
            print(line)
    return 0


def _side(arguments: argparse.Namespace, path: str, role: str, wanted: bool) -> Any:
    from da_zoo.data.label_values import as_values, has_fractions
    from da_zoo.data.readers.read import guess
    from da_zoo.pipeline.sides import read_side

    options = {
        "drop": arguments.drop,
        "domain": arguments.domain,
        "text": arguments.text,
        "skip_corrupt": arguments.skip_corrupt or None,
        **dict(arguments.read),
    }
    given = {name: value for name, value in options.items() if value is not None}
    kind = arguments.kind or guess(path, list(given))
    data = read_side(
        path,
        role,
        label=arguments.label,
        labelled=wanted and (arguments.label is not None or _has_classes(path, kind)),
        kind=kind,
        options=given,
    )
    values = arguments.regression
    if values or (values is None and data.labels is not None and has_fractions(data)):
        data = as_values(data)
    return data


def _has_classes(path: str, kind: str) -> bool:
    """Whether labels are there without being named: folders, catalogues."""
    from da_zoo.data.readers.folders import has_class_folders

    endings = {
        "images": (".jpg", ".jpeg", ".png", ".bmp", ".webp"),
        "audio": (".wav", ".wave"),
        "text": (".txt",),
    }
    if kind in endings and Path(path).is_dir():
        return has_class_folders(path, endings[kind])
    return kind in ("tfds", "array_records")

"""``da-zoo data``: which sets there are, and how they come onto this machine."""

import argparse
import os
from pathlib import Path
from typing import Any

from da_zoo.commands import inspect
from da_zoo.logs import draws_bars, log_event

__all__ = ["add", "listed", "prepared", "verified"]

DATA_DIR = "of prepared sets; default: $TFDS_DATA_DIR, or else ~/tensorflow_datasets"


def add(commands: Any) -> None:
    """Adds the command to the parser."""
    data = commands.add_parser(
        "data",
        help="list, prepare, verify and inspect data sets",
        description="Says which sets da_zoo knows, prepares them and checks them.",
    )
    subcommands = data.add_subparsers(dest="what", required=True, metavar="WHAT")

    listing = subcommands.add_parser(
        "list",
        help="list the sets, how to get them and whether they are there",
        epilog="Any other set of tensorflow-datasets' catalogue can be prepared too.",
    )
    _folders(listing)
    listing.set_defaults(run=listed)

    one = subcommands.add_parser(
        "prepare",
        help="fetch and store a set, once",
        description=(
            "Fetches a set of tensorflow-datasets or of da_zoo's own, or converts the "
            "publisher's files from --manual-dir, and stores it as array_record, which "
            "is read without TensorFlow. What is there already is left alone."
        ),
        epilog="Example: da-zoo data prepare office31 --manual-dir ~/Downloads",
    )
    one.add_argument("name", metavar="NAME", help="such as usps or office31/amazon")
    one.add_argument("--data-dir", metavar="DIR", help=DATA_DIR)
    one.add_argument(
        "--manual-dir", metavar="DIR", help="with files that were fetched by hand"
    )
    one.add_argument("--no-progress", action="store_true", help="no progress bar")
    one.set_defaults(run=prepared)

    one = subcommands.add_parser(
        "verify",
        help="compare a set with what was published of it",
        description=(
            "Counts a set's examples and compares counts and content with the "
            "published ones. Ends with 1 if anything differs."
        ),
        epilog="Example: da-zoo data verify hospitals --data ~/data",
    )
    one.add_argument("name", metavar="NAME", help="as da-zoo data list has it")
    _folders(one)
    one.set_defaults(run=verified)

    inspect.add(subcommands)


def _folders(parser: Any) -> None:
    parser.add_argument("--data-dir", metavar="DIR", help=DATA_DIR)
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("DA_ZOO_DATA"),
        help="of .npz files, as da-zoo bench has it; default: $DA_ZOO_DATA",
    )


def listed(arguments: argparse.Namespace) -> int:
    """Prints a table of the sets."""
    from da_zoo.data.known_sets import WAYS, KnownSet, known_sets
    from da_zoo.data.tfds_sets import TfdsName, prepared_folders
    from da_zoo.text_table import aligned

    def there(known: KnownSet) -> str:
        if known.get == "shipped":
            return "yes"
        if known.files:
            folder = Path(arguments.data or ".").expanduser()
            found = [(folder / one.name).is_file() for one in known.files]
        else:
            own = prepared_folders(TfdsName(known.name), arguments.data_dir)
            single = set(known.domains) == {known.name}
            found = [(("" if single else one) in own) for one in known.domains]
        return "yes" if all(found) else f"{sum(found)} of {len(found)}"

    rows = [["name", "what", "domains", "how", "size", "there"]]
    for known in known_sets().values():
        domains = ", ".join(known.domains[:3])
        more = len(known.domains) - 3
        rows.append(
            [
                known.name,
                known.field,
                domains + (f" +{more}" if more > 0 else ""),
                known.get + (" (TensorFlow)" if known.tensorflow else ""),
                known.size,
                there(known),
            ]
        )
    print("\n".join(aligned(rows)))
    print()
    for way, text in WAYS.items():
        print(f"{way}: {text}")
    print('(TensorFlow): prepared after pip install "da-zoo[tf]", read without')
    return 0


def prepared(arguments: argparse.Namespace) -> int:
    """Prepares a set and prints its counts."""
    from da_zoo.data.known_sets import known_sets
    from da_zoo.data.prepare import prepare
    from da_zoo.data.tfds_sets import parse_name

    results = prepare(
        arguments.name,
        data_dir=arguments.data_dir,
        manual_dir=arguments.manual_dir,
        progress=not arguments.no_progress and draws_bars(),
    )
    for one in results:
        if one.problem:
            continue
        counts = ", ".join(f"{split} {count}" for split, count in one.counts.items())
        state = "prepared" if one.fresh else "there already"
        print(f"{one.name}: {state}, {counts}\n  {one.folder}")
    known = known_sets().get(parse_name(arguments.name).name)
    if known is not None:
        print(f"Licence, as stated by the publisher: {known.licence}")
    failed = [one for one in results if one.problem]
    for one in failed:
        told = f"da-zoo: {one.problem}"
        log_event("not_prepared", told, level="error", data_set=one.name)
    return 1 if failed else 0


def verified(arguments: argparse.Namespace) -> int:
    """Prints what differs from the published."""
    from da_zoo.data.verify import verify

    results = verify(arguments.name, data_dir=arguments.data_dir, folder=arguments.data)
    for one in results:
        counts = ", ".join(f"{name} {count}" for name, count in one.counts.items())
        print(f"{one.name}: {'as published' if one.right else 'DIFFERS'}  {counts}")
        for line in one.differs:
            print(f"  {line}")
        for line in one.notes:
            print(f"  ({line})")
    wrong = sum(not one.right for one in results)
    if wrong:
        told = f"da-zoo: {wrong} of {len(results)} differ"
        log_event("data_differ", told, level="error", differ=wrong, sets=len(results))
    return 1 if wrong else 0

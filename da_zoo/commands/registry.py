"""``da-zoo list`` and ``da-zoo show``: what there is."""

import argparse
from typing import Any

__all__ = ["add", "run", "show"]


def add(commands: Any) -> None:
    """Adds the commands to the parser."""
    listing = commands.add_parser("list", help="list methods, scenarios or suites")
    listing.add_argument("what", choices=("methods", "scenarios", "suites"))
    listing.add_argument("--suite", default="embedded", help="whose scenarios")

    listing.set_defaults(run=run)

    one = commands.add_parser("show", help="say all about a method")
    one.add_argument("name", metavar="METHOD")
    one.set_defaults(run=show)


def run(arguments: argparse.Namespace) -> int:
    """Prints methods, suites or scenarios."""
    from da_zoo.catalogue import catalogue
    from da_zoo.scenarios import list_suites, load_suite
    from da_zoo.scenarios.suite import TEMPLATE

    if arguments.what == "methods":
        for spec in catalogue().values():
            print(f"{spec.name:<18} {'+'.join(sorted(spec.tracks)):<4} {spec.summary}")
    elif arguments.what == "suites":
        for name in list_suites():
            suite = load_suite(name)
            print(
                f"{name:<20} {len(suite.scenarios):>3} scenarios  {suite.description}"
            )
        print(f"\nFor files of your own, copy {TEMPLATE}")
    else:
        for scenario in load_suite(arguments.suite).scenarios:
            print(f"case {scenario.case}  {scenario.name:<28} {scenario.role}")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Prints a method's page."""
    from da_zoo.catalogue import catalogue, method_page
    from da_zoo.naming import choose

    print(method_page(choose(catalogue(), arguments.name, "method")))
    return 0

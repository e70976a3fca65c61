"""Run the benchmark from a checkout: ``python benchmarks/run.py --seeds 3``.

The same as ``da-zoo bench``, whose arguments it takes.
"""

import sys

from da_zoo.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))

"""``python -m da_zoo`` is ``da-zoo``, for when the script is not on the path."""

import sys

from da_zoo.cli import main

if __name__ == "__main__":
    sys.exit(main())

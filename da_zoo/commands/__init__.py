"""The subcommands of ``da-zoo``: a file each, with ``add`` and ``run``."""

"""The scripts here need torch: they write goldens and are no tests."""

collect_ignore_glob = ["*.py"]

"""Prepares sets of tensorflow-datasets, da_zoo's own and the catalogue's."""

import contextlib
import inspect
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.data.known_sets import WAYS, known_sets
from da_zoo.data.tfds_builders import BUILDERS, builder_class
from da_zoo.data.tfds_builders.raw_files import digest
from da_zoo.data.tfds_sets import (
    TfdsName,
    data_folder,
    has_tensorflow,
    leftovers,
    parse_name,
    prepared_folders,
)
from da_zoo.naming import nearest
from da_zoo.whole_files import write_whole

__all__ = ["RECORD", "Prepared", "prepare"]

RECORD = "da_zoo_prepared.json"
"""Beside the records: the sha256 of each file, as it was when it was prepared."""
TENSORFLOW = (
    'needs TensorFlow to be prepared: pip install "da-zoo[tf]", and run it again'
)


class Prepared(NamedTuple):
    """What came of one config.

    Example:
        >>> Prepared("usps", Path("sets"), {"train": 7291}, True, "").counts
        {'train': 7291}
    """

    name: str
    folder: Path | None
    """Where it lies; None if it could not be prepared."""
    counts: dict[str, int]
    """Examples in each split."""
    fresh: bool
    """Whether this call made it, or it was there."""
    problem: str
    """Why it could not be prepared; "" if it was."""


def prepare(
    name: str,
    *,
    data_dir: str | Path | None = None,
    manual_dir: str | Path | None = None,
    progress: bool = True,
) -> list[Prepared]:
    """Fetches, converts and stores a set as array_record, once.

    Args:
        name: of a set, or one config of it, such as "office31/amazon"; of da_zoo's own
            sets all configs are prepared where none is named.
        data_dir: the folder of prepared sets; None means ``$TFDS_DATA_DIR``, or
            ``~/tensorflow_datasets``.
        manual_dir: the folder with files that have to be fetched by hand; None means
            ``downloads/manual`` in ``data_dir``.
        progress: whether TFDS shows on stderr how far it is.

    Returns:
        What came of each config. One that fails does not keep the others from being
        prepared.

    Raises:
        ValueError: for an unknown set, a folder that is not there, or if nothing could
            be prepared; the message says what to do.

    Example:
        >>> prepare("uspss")
        Traceback (most recent call last):
        ValueError: tensorflow-datasets has no set 'uspss', and da_zoo builds ...
    """
    wanted = parse_name(name)
    _check_known(wanted, data_dir)
    if manual_dir is not None and not Path(manual_dir).expanduser().is_dir():
        raise ValueError(f"--manual-dir {manual_dir} is no folder")
    cls = _class(wanted)
    results = [
        _prepare(cls, wanted._replace(config=config), data_dir, manual_dir, progress)
        for config in _configs(cls, wanted)
    ]
    if all(one.problem for one in results):
        raise ValueError(results[0].problem)
    return results


def _check_known(name: TfdsName, data_dir: str | Path | None) -> None:
    """Refuses what cannot be prepared, before anything is fetched."""
    known = known_sets().get(name.name)
    if known is None or prepared_folders(name, data_dir):
        return
    if known.get in ("shipped", "folder"):
        files = [one.name for one in known.files]
        told = f": {', '.join(files)}" if files else ""
        raise ValueError(f"{name.name} is not to be prepared: {WAYS[known.get]}{told}")
    if known.tensorflow and not has_tensorflow():
        raise ValueError(f"tfds:{name} {TENSORFLOW}")


def _class(name: TfdsName) -> Any:
    """The class of a builder, of da_zoo's or of the catalogue's."""
    if name.name in BUILDERS:
        return builder_class(name.name)
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_cls(name.name)
    except tfds.core.registered.DatasetNotFoundError:
        known = [*tfds.list_builders(with_community_datasets=False), *BUILDERS]
        told = f"; {nearest(name.name, known)}" if len(known) < 1000 else ""
        lacking = (
            ""
            if has_tensorflow()
            else ". Some of the catalogue (texts, tables) are there with TensorFlow "
            'alone: pip install "da-zoo[tf]"'
        )
        raise ValueError(
            f"tensorflow-datasets has no set {name.name!r}, and da_zoo builds none of "
            f"that name{told}{lacking}"
        ) from None
    except ModuleNotFoundError as error:
        raise ValueError(f"tfds:{name} {_lacks(error)}") from None


def _configs(cls: Any, name: TfdsName) -> list[str | None]:
    known = [config.name for config in cls.BUILDER_CONFIGS]
    if name.config is not None:
        if name.config not in known:
            told = nearest(name.config, known) if known else "it has no configs"
            raise ValueError(f"{name.name} has no config {name.config!r}; {told}")
        return [name.config]
    if len(known) > 1 and name.name not in BUILDERS:
        raise ValueError(
            f"{name.name} has the configs {known}; name one, such as "
            f"{name.name}/{known[0]}"
        )
    return list(known) or [None]


def _prepare(
    cls: Any,
    name: TfdsName,
    data_dir: str | Path | None,
    manual_dir: str | Path | None,
    progress: bool,
) -> Prepared:
    if half := leftovers(name, data_dir):
        problem = (
            f"{half[0]} is left of a run that was cut short, or belongs to one that is "
            f"still going on; if none is, remove it (rm -r '{half[0]}') and run again"
        )
        return Prepared(str(name), None, {}, False, problem)
    there = prepared_folders(name, data_dir)
    fresh = not there
    try:
        if fresh:
            _run(cls, name, data_dir, manual_dir, progress)
            there = prepared_folders(name, data_dir)
        folder = next(iter(there.values()))
        if fresh:
            _remember(folder)
        counts, form = _counts(folder)
        if form != "array_record" and not has_tensorflow():
            raise ValueError(
                f"{folder} is there, but stored as {form}, which only TensorFlow "
                'reads: pip install "da-zoo[tf]", or name another --data-dir'
            )
        return Prepared(str(name), folder, counts, fresh, "")
    except ModuleNotFoundError as error:
        return Prepared(str(name), None, {}, False, f"tfds:{name} {_lacks(error)}")
    except Exception as error:  # of TFDS, requests, protobuf, the file system
        text = str(error).strip()
        if not isinstance(error, ValueError | OSError | AssertionError):
            text = f"{type(error).__name__}: {text}"
        # TFDS's own words for it, or those of da_zoo's builders.
        if "Manual directory" in text or "--manual-dir" in text:
            how = inspect.cleandoc(cls.MANUAL_DOWNLOAD_INSTRUCTIONS or "")
            text = f"{text.splitlines()[0]}\n{how}"
        problem = f"{name} could not be prepared: {text}"
        return Prepared(str(name), None, {}, False, problem)


def _lacks(error: ModuleNotFoundError) -> str:
    if "tensorflow" in str(error):
        return TENSORFLOW
    return f"needs a package that is not installed: {error}"


def _run(
    cls: Any,
    name: TfdsName,
    data_dir: str | Path | None,
    manual_dir: str | Path | None,
    progress: bool,
) -> None:
    import tensorflow_datasets as tfds

    manual = None if manual_dir is None else Path(manual_dir).expanduser()
    builder = cls(
        config=name.config, version=name.version, data_dir=str(data_folder(data_dir))
    )
    options = tfds.download.DownloadConfig(manual_dir=manual)
    with _told_on_stderr(progress):
        builder.download_and_prepare(
            download_config=options, file_format="array_record"
        )


@contextlib.contextmanager
def _told_on_stderr(progress: bool) -> Iterator[None]:
    """Keeps stdout for results: TFDS prints there what it does."""
    import tensorflow_datasets as tfds

    if not progress:
        tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(sys.stderr if progress else io.StringIO()):
            yield
    finally:
        if not progress:
            tfds.enable_progress_bar()


def _counts(folder: Path) -> tuple[dict[str, int], str]:
    """Examples by split, and the format of the records."""
    import tensorflow_datasets as tfds

    info = tfds.builder_from_directory(folder).info
    counts = {name: int(one.num_examples) for name, one in info.splits.items()}
    return counts, info.file_format.value


def _remember(folder: Path) -> None:
    marks = {one.name: digest(one) for one in sorted(folder.iterdir()) if one.is_file()}
    write_whole(folder / RECORD, json.dumps(marks, indent=1) + "\n")

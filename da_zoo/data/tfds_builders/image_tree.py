"""What builders of ``domain/class/*.jpg`` have in common."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from PIL import Image

from da_zoo.data.image_files import ENDINGS, FORMATS, check_bytes
from da_zoo.data.tfds_builders.raw_files import RawFile, find_tree

__all__ = ["ImageTreeBuilder", "coloured", "domain_configs", "plain_name"]


def domain_configs(domains: dict[str, str]) -> list[tfds.core.BuilderConfig]:
    """Makes a config of each domain.

    Args:
        domains: names, and what each is.

    Example:
        >>> [one.name for one in domain_configs({"amazon": "From a web shop."})]
        ['amazon']
    """
    return [
        tfds.core.BuilderConfig(name=name, description=text)
        for name, text in domains.items()
    ]


def plain_name(name: str) -> str:
    """Writes a folder's name as copies of a set agree on it.

    Example:
        >>> plain_name("Real World") == plain_name("real_world")
        True
    """
    return re.sub(r"[ _\-]", "", name).lower()


class ImageTreeBuilder(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]
):
    """A config a domain, each with one split, "train", of all its images.

    A subclass says where a domain lies below the root (any of several places), which
    classes there are, in which archives the publisher packs them, and the names that
    copies of the set give to a class.
    """

    FOLDERS: ClassVar[dict[str, Sequence[str]]]
    CLASSES: ClassVar[Sequence[str]]
    ARCHIVES: ClassVar[Sequence[RawFile]] = ()
    ALIASES: ClassVar[dict[str, str]] = {}
    HOMEPAGE: ClassVar[str]

    def _info(self) -> Any:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=list(self.CLASSES)),
            "file": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=self.HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
        )

    def _archives(self) -> Sequence[RawFile]:
        return self.ARCHIVES

    def _class_of(self, folder: Path) -> str | None:
        known = {plain_name(one): one for one in self.CLASSES}
        aliases = {plain_name(one): name for one, name in self.ALIASES.items()}
        name = plain_name(folder.name)
        return known.get(plain_name(aliases.get(name, name)))

    def _domain_folder(self, root: Path) -> Path | None:
        """Where the config's domain lies below a folder, if it does."""
        for place in self.FOLDERS[self.builder_config.name]:
            folder: Path | None = root
            for part in place.split("/"):
                inside = _folders(folder) if folder is not None else []
                same = [one for one in inside if plain_name(one.name) == part]
                folder = same[0] if same else None
            if folder is not None and any(map(self._class_of, _folders(folder))):
                return folder
        return None

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        domain = self.builder_config.name
        found = find_tree(
            dl_manager,
            self._archives(),
            self._domain_folder,
            Path(self.data_dir_root) / "downloads" / "extracted",
            f"folder of {self.name}/{domain} with folders of its classes",
        )
        self.info.metadata["files"] = found.record
        return {"train": self._generate_examples(found.path)}

    def _generate_examples(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        classes = {one: self._class_of(one) for one in _folders(folder)}
        named = {one: name for one, name in classes.items() if name is not None}
        if strangers := sorted(one.name for one in classes if one not in named):
            raise ValueError(f"{folder} has folders of no known class: {strangers}")
        if missing := sorted(set(self.CLASSES) - set(named.values())):
            raise ValueError(f"{folder} lacks the classes {missing}")
        yield from self._examples(
            folder,
            (
                (path, name)
                for one, name in sorted(named.items())
                for path in sorted(one.rglob("*"))
                if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
            ),
        )

    def _examples(
        self, folder: Path, files: Iterable[tuple[Path, str]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        converted = 0
        for path, name in files:
            raw, same = coloured(path)
            converted += not same
            file = path.relative_to(folder).as_posix()
            yield file, {"image": io.BytesIO(raw), "label": name, "file": file}
        self.info.metadata["converted_to_rgb"] = converted


def _folders(folder: Path) -> list[Path]:
    return [
        one
        for one in folder.iterdir()
        if one.is_dir()
        and one.name.isprintable()
        and not one.name.startswith((".", "__MACOSX"))
    ]


def coloured(path: Path) -> tuple[bytes, bool]:
    """Reads an image of three channels, and says whether its bytes are the file's own.

    TFDS decodes a grey or transparent file to what it is, whatever its features say, so
    those are written anew: grey repeated, what is transparent on white.

    Raises:
        ValueError: for a file that does not decode.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.png"
        >>> Image.new("L", (2, 2)).save(path)
        >>> coloured(path)[1]
        False
    """
    raw = path.read_bytes()
    if isinstance(why := check_bytes(raw), str):
        raise ValueError(f"{path} is no readable image ({why}); fetch the set again")
    with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
        if image.mode == "RGB" and image.format in ("JPEG", "PNG"):
            return raw, True
        seen = image.convert("RGBA")
    plain = Image.new("RGBA", seen.size, "white")
    plain.alpha_composite(seen)
    file = io.BytesIO()
    plain.convert("RGB").save(file, "PNG")
    return file.getvalue(), False

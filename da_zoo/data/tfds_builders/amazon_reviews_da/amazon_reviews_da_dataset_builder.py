"""Amazon reviews of four kinds of products: the multi-domain sentiment data set."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from da_zoo.data.tfds_builders.image_tree import domain_configs
from da_zoo.data.tfds_builders.raw_files import RawFile, find_tree

__all__ = ["Builder"]

FOLDERS = {
    "books": ("books",),
    "dvd": ("dvd",),
    "electronics": ("electronics",),
    "kitchen": ("kitchen_&_housewares", "kitchen"),
}
REVIEW = re.compile(r"<review>(.*?)</review>", re.DOTALL)
TEXT = re.compile(r"<review_text>(.*?)</review_text>", re.DOTALL)
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
HOMEPAGE = "https://www.cs.jhu.edu/~mdredze/datasets/sentiment/"


class Builder(tfds.core.GeneratorBasedBuilder):
    """2 000 labelled reviews of each kind, half of them good (Blitzer et al. 2007)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = domain_configs({name: f"Reviews of {name}." for name in FOLDERS})
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Fetch {HOMEPAGE}domain_sentiment_data.tar.gz and put it there, or its folder
    sorted_data_acl. Unlabelled books are apart, in {HOMEPAGE}book.unlabeled.gz: unpack
    it to books/unlabeled.review.
    """

    def _info(self) -> Any:
        features = {
            "text": tfds.features.Text(),
            "title": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["negative", "positive"]),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("text", "label"),
            homepage=HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        domain = self.builder_config.name
        found = find_tree(
            dl_manager,
            (RawFile("domain_sentiment_data.tar.gz"), RawFile("sorted_data_acl.zip")),
            self._folder,
            Path(self.data_dir_root) / "downloads" / "extracted",
            f"folder {FOLDERS[domain][0]} with positive.review and negative.review",
        )
        self.info.metadata["files"] = found.record
        labelled = {0: "negative.review", 1: "positive.review"}
        splits = {"train": self._generate_examples(found.path, labelled)}
        if (found.path / "unlabeled.review").is_file():
            rest = {-1: "unlabeled.review"}
            splits["unlabeled"] = self._generate_examples(found.path, rest)
        return splits

    def _folder(self, root: Path) -> Path | None:
        for name in FOLDERS[self.builder_config.name]:
            if (root / name / "positive.review").is_file():
                return root / name
        return None

    def _generate_examples(
        self, folder: Path, files: dict[int, str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for label, name in files.items():
            text = _decoded(folder / name)
            reviews = REVIEW.findall(text)
            if len(reviews) != text.count("<review>") or not reviews:
                raise ValueError(
                    f"{folder / name} holds {len(reviews)} whole reviews where "
                    f"{text.count('<review>')} begin; fetch it again"
                )
            for row, review in enumerate(reviews):
                found = TEXT.search(review)
                if found is None:
                    raise ValueError(
                        f"{folder / name}: review no. {row + 1} has no <review_text>"
                    )
                title = TITLE.search(review)
                yield (
                    f"{name}_{row}",
                    {
                        "text": html.unescape(found[1]).strip(),
                        "title": html.unescape(title[1]).strip() if title else "",
                        "label": label,
                    },
                )


def _decoded(path: Path) -> str:
    """The publisher's files are no XML, and not all of them are UTF-8."""
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")

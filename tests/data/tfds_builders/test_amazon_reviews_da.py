"""Amazon reviews from the publisher's pseudo-XML."""

import pytest

from tests.data.tfds_builders.raw import no_tensorflow, prepared, rows


def review(text, title="t"):
    return (
        f"<review>\n<unique_id>\n1\n</unique_id>\n<rating>\n5.0\n</rating>\n<title>\n"
        f"{title}\n</title>\n<review_text>\n{text}\n</review_text>\n</review>\n"
    )


def write(root, domain="books", encoding="utf-8", unlabelled=True):
    folder = root / "sorted_data_acl" / domain
    folder.mkdir(parents=True)
    texts = {"positive": ["good & new", "na\u00efve"], "negative": ["bad &amp; old"]}
    if unlabelled:
        texts["unlabeled"] = ["who knows"]
    for name, own in texts.items():
        raw = "".join(map(review, own)).encode(encoding)
        (folder / f"{name}.review").write_bytes(raw)
    return folder


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_reviews(tmp_path, encoding):
    write(tmp_path / "raw", encoding=encoding)
    builder = prepared("amazon_reviews_da", tmp_path / "raw", tmp_path / "s", "books")
    found = sorted((one["label"], one["text"].decode()) for one in rows(builder))
    assert found == [(0, "bad & old"), (1, "good & new"), (1, "na\u00efve")]
    (one,) = rows(builder, "unlabeled")
    assert one["label"] == -1 and one["title"] == b"t"
    assert no_tensorflow()


def test_kitchen_is_called_otherwise_and_may_lack_what_is_unlabelled(tmp_path):
    write(tmp_path / "raw", "kitchen_&_housewares", unlabelled=False)
    builder = prepared("amazon_reviews_da", tmp_path / "raw", tmp_path / "s", "kitchen")
    assert list(builder.info.splits) == ["train"]
    with pytest.raises(ValueError, match=r"folder dvd with positive\.review"):
        prepared("amazon_reviews_da", tmp_path / "raw", tmp_path / "s", "dvd")


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    path = write(tmp_path / "raw") / "positive.review"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="holds 1 whole reviews where 2 begin"):
        prepared("amazon_reviews_da", tmp_path / "raw", tmp_path / "s", "books")
    path.unlink()
    (path.parent / "positive.review").write_text("<review>no text</review>")
    with pytest.raises(ValueError, match=r"no\. 1 has no <review_text>"):
        prepared("amazon_reviews_da", tmp_path / "raw", tmp_path / "s2", "books")

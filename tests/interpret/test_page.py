import base64
import re
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name
from da_zoo.interpret import Model, interpret_page

RNG = np.random.default_rng(0)


def model(network, x, seed, classes=2):
    params, stats = network.init(jax.random.key(seed), jnp.asarray(x))
    kernel = jax.random.normal(jax.random.key(seed), (network.features_dim, classes))
    return Model(network, params, stats, {"kernel": kernel, "bias": jnp.zeros(classes)})


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.found = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page):
    text = page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return text, tags.found


@pytest.mark.slow
def test_a_page_of_images_has_every_figure_inside(tmp_path):
    network = network_by_name("lenet", channels=(3, 4), hidden=(6,))
    x = RNG.uniform(size=(12, 8, 8, 1)).astype(np.float32)
    y = np.arange(12) % 2
    evil = '<script>alert(1)</script> & "co"'
    page = interpret_page(
        tmp_path / "new" / "folder",
        model(network, x, 0),
        model(network, x, 1),
        source=(x, y),
        target=(x[:8], y[:8]),
        title=evil,
        class_names=[evil, "b"],
        images=2,
    )
    text, tags = read(page)
    assert "<script" not in text and "&lt;script&gt;" in text
    images = [attributes for tag, attributes in tags if tag == "img"]
    assert len(images) == 3
    for image in images:
        head, data = image["src"].split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert len(image["alt"]) > 20
    assert not re.search(r"(src|href)=\"(?!data:)", text)  # nothing is fetched
    assert "right on 8 target rows after" in text
    assert "Grad-CAM" in text and "conv_0" in text
    names = {path.name for path in page.parent.iterdir()}
    parts = ("moved", "embedding", "attributions")
    assert names == {"index.html"} | {f"{p}.{e}" for p in parts for e in ("png", "svg")}
    first = page.read_bytes()
    again = interpret_page(
        page.parent,
        model(network, x, 0),
        model(network, x, 1),
        source=(x, y),
        target=(x[:8], y[:8]),
        title=evil,
        class_names=[evil, "b"],
        images=2,
    )
    assert again.read_bytes() == first


def test_a_page_of_a_table_without_labels(tmp_path):
    network = network_by_name("mlp", hidden=(6,))
    x = RNG.normal(size=(10, 3)).astype(np.float32)
    page = interpret_page(
        tmp_path,
        model(network, x, 0),
        model(network, x, 0),
        source=(x, np.arange(10) % 2),
        target=(x + 1.0, None),
        columns=["age", "pulse", "dose"],
    )
    text, _ = read(page)
    assert "target rows after" not in text and "source rows after" in text
    assert "0.0000" in text and "1.000" in text  # nothing moved
    assert "by input column" in text


def test_too_few_rows_are_refused(tmp_path):
    network = network_by_name("mlp", hidden=(6,))
    x = np.zeros((3, 2), np.float32)
    own = model(network, x, 0)
    with pytest.raises(ValueError, match="at least four rows"):
        interpret_page(tmp_path, own, own, source=(x, None), target=(x, None))
    y = np.zeros(4, int)
    with pytest.raises(ValueError, match="target must be a pair"):
        interpret_page(
            tmp_path,
            own,
            own,
            source=(np.zeros((5, 2)), None),
            target=(np.eye(5, 2), y),
        )

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.contact_sheet import contact_sheet, save_png
from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.readers.images import read_images
from da_zoo.data.sheet_panels import class_columns, panel_rows
from da_zoo.data.sparse_rows import sparse_rows
from da_zoo.data.table import Table

RNG = np.random.default_rng(0)


def test_images_stand_by_domain_and_class(tmp_path):
    shades = {("d", "a"): 40, ("d", "b"): 80, ("e", "a"): 120, ("e", "$c"): 160}
    for (domain, name), shade in shades.items():
        for number in range(3):
            path = tmp_path / "root" / domain / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (9, 9), shade).save(path)
    axes = contact_sheet(read_images(tmp_path / "root", label=True))
    assert axes.shape == (2, 3)
    assert [ax.get_title() for ax in axes[0]] == [r"\$c", "a", "b"]
    assert axes[1, 0].get_ylabel() == "e\n6"
    drawn = [
        [ax.images[0].get_array() if ax.images else None for ax in r] for r in axes
    ]
    assert drawn[0][0] is None and axes[0, 0].texts[0].get_text() == "none"
    for row, column, shade in ((0, 1, 40), (0, 2, 80), (1, 1, 120), (1, 0, 160)):
        page = np.asarray(drawn[row][column])
        assert (page[:64, :64] == shade).all() and (page[64:67] == 255).all()
        assert (page[70:, 70:] == 255).all()  # of three, the fourth place is empty
    path = save_png(axes, tmp_path / "a.png")
    with Image.open(path) as found:
        assert found.format == "PNG"
    for bad in (tmp_path / "a.pdf", tmp_path / "none" / "a.png"):
        with pytest.raises(ValueError, match=r"must end in \.png"):
            save_png(axes, bad)


def test_rows_without_labels_are_drawn_too():
    data = make_domain_data("a", "features", np.eye(9))
    panels = panel_rows(data, ["x", "y"], 4, 0)
    assert [len(rows) for rows in panels] == [4, 4]
    assert not set(panels[0]) & set(panels[1])
    many = make_domain_data("a", "features", np.eye(9), list("aabbbcdde"))
    assert class_columns({"a": many}, 3) == (["a", "b", "d"], 5)


@pytest.mark.parametrize("channels", [1, 3, 20])
def test_signals_are_lines_or_maps(channels):
    x = RNG.normal(size=(12, 16, channels)).astype(np.float32)
    axes = contact_sheet(
        make_domain_data("a", "signals", x, list("xy") * 6),
        make_domain_data("b", "signals", x + 9),
    )
    assert axes.shape == (2, 2) and axes[1, 0].get_ylabel() == "b\n12\nno labels"
    if channels > 6:
        assert axes[0, 0].images[0].get_array().shape == (channels, 16)
    else:
        first = axes[0, 0].lines
        assert len(first) == 3 * channels
        own = x[::2, :, 0]
        assert any((first[0].get_ydata() == one).all() for one in own)


def test_columns_are_histograms_by_domain_and_the_most_different_are_chosen():
    x = RNG.normal(size=(200, 30))
    y = RNG.normal(size=(50, 30))
    y[:, 7] += 5.0
    axes = contact_sheet(
        make_domain_data("a", "features", x), make_domain_data("b", "features", y)
    )
    titles = [ax.get_title() for ax in axes.ravel() if ax.get_visible()]
    assert len(titles) == 16 and "7" in titles
    figure = axes[0, 0].figure
    assert "16 of 30 columns" in figure.get_suptitle()
    assert [t.get_text() for t in figure.legends[0].texts] == ["a (200)", "b (50)"]
    # Shares, so that domains of other sizes can be compared.
    filled = axes.ravel()[titles.index("7")].patches
    assert [round(float(p.get_data().values.sum()), 6) for p in filled] == [1.0] * 4


def test_tables_with_categories_and_gaps():
    def data(name, columns):
        return make_domain_data(name, "table", Table(columns), mark=name)

    a = data(
        "a",
        {
            "age": np.array([40.0, np.nan, 60.0, 50.0]),
            "sex": np.array(["f", "m", "f", ""]),
            "none": np.full(4, np.nan),
        },
    )
    b = data("b", {"age": np.full(4, 70.0), "sex": np.array(["f", "x", "x", "x"])})
    axes = contact_sheet(a, b).ravel()
    assert [ax.get_title() for ax in axes] == [
        "age (up to 25 % missing)",
        "sex (up to 25 % missing)",
        "none (up to 100 % missing)",
    ]
    bars = [bar.get_height() for bar in axes[1].patches]
    np.testing.assert_allclose(bars, [2 / 3, 1 / 3, 0, 0.25, 0, 0.75])
    one = contact_sheet(data("c", {"code": np.array([1.0, 2.0, 2.0])}))[0, 0]
    edges = one.patches[0].get_data().edges
    assert edges.tolist() == [0.5, 1.5, 2.5]  # a bar for each whole number


def test_texts_tell_lengths_and_words():
    books = np.array(["a gripping plot", "the plot is witty"] * 5, object)
    tools = np.array(["the kettle leaks", "a kettle"] * 5, object)
    axes = contact_sheet(
        make_domain_data("books", "text", books),
        make_domain_data("tools", "text", tools),
    )
    assert axes.shape == (1, 2)
    names = [label.get_text() for label in axes[0, 1].get_yticklabels()]
    assert names[0] == "plot" and names[-1] == "kettle"
    bags = make_domain_data("a", "features", sparse_rows(np.eye(4)), mark="")
    assert contact_sheet(bags).shape == (1, 1)
    empty = make_domain_data("a", "text", np.array(["?", "!"], object))
    assert contact_sheet(empty, empty)[0, 1].get_visible() is False


def test_many_domains_are_cut():
    data = make_domain_data("a", "features", np.eye(20), domain=list("abcdefghij") * 2)
    axes = contact_sheet(data)
    assert len(axes[0, 0].figure.legends[0].texts) == 8

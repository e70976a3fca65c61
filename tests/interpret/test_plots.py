import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba

from da_zoo.interpret import (
    Moved,
    Part,
    plot_attributions,
    plot_columns,
    plot_embedding,
    plot_moved,
    save_figure,
)
from da_zoo.interpret.figures import PALETTE, class_colours, new_axes
from da_zoo.interpret.plot_embedding import embed

RNG = np.random.default_rng(0)


def simulated(colour, kind):
    """A colour as the colour-blind see it (Viénot, Brettel and Mollon 1999)."""
    to_lms = np.array(
        [
            [17.8824, 43.5161, 4.11935],
            [3.45565, 27.1554, 3.86714],
            [0.0299, 0.1843, 1.4671],
        ]
    )
    lms = to_lms @ np.array(to_rgba(colour)[:3]) ** 2.2
    if kind == "protan":
        lms[0] = 2.02344 * lms[1] - 2.52581 * lms[2]
    else:
        lms[1] = 0.494207 * lms[0] + 1.24827 * lms[2]
    return np.clip(np.linalg.solve(to_lms, lms), 0.0, 1.0) ** (1 / 2.2)


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_colours_stay_apart_for_the_colour_blind(kind):
    for count in (2, 5, 10):
        seen = [simulated(colour, kind) for colour in class_colours(count)]
        gaps = [
            np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]
        ]
        assert min(gaps) > (0.08 if count == 10 else 0.15)
    assert class_colours(12)[10] == PALETTE[0]


def test_movement_is_drawn_as_it_is():
    parts = (
        Part("in", 3, 0.0, 1.0),
        Part("mid", 3, 0.5, np.nan),
        Part("x", 1, 0.2, None),
    )
    left, right = plot_moved(Moved(parts, 9))
    assert [bar.get_width() for bar in left.patches] == [0.0, 0.5, 0.2]
    assert [label.get_text() for label in left.get_yticklabels()] == ["in", "mid", "x"]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the input at the top
    assert [note.get_text() for note in left.texts] == ["0", "0.5", "0.2"]
    assert [note.get_text() for note in right.texts] == ["1.00"]
    dots = right.lines[0].get_xdata()
    assert dots[0] == 1.0 and np.isnan(dots[1:]).all()
    endless = Moved((Part("new", 3, float("inf"), 0.5),), 9)
    assert plot_moved(endless)[0].texts[0].get_text() == "inf"
    with pytest.raises(ValueError, match="axes must be two"):
        plot_moved(endless, axes=new_axes(1, 3, (2.0, 2.0))[0])


def test_images_stand_beside_their_maps():
    images = RNG.uniform(size=(2, 4, 5, 3))
    signed = np.zeros((2, 4, 5, 3))
    signed[:, 0, 0] = [1.0, 1.0, -0.5]  # the channels add up
    signed[:, 1, 1, 0] = -3.0
    maps = {"signed": signed, "plain": np.ones((2, 4, 5)), "none": np.zeros((2, 4, 5))}
    axes = plot_attributions(images, maps, titles=["a", "b"])
    assert axes.shape == (2, 4)
    assert axes[0, 1].get_title() == "signed" and axes[1, 0].get_ylabel() == "b"
    np.testing.assert_allclose(axes[0, 0].images[0].get_array(), images[0])
    drawn = axes[0, 1].images[0]
    np.testing.assert_allclose(drawn.get_array()[0, 0], 1.5)
    low, high = drawn.get_clim()
    assert low == -high and drawn.get_cmap().name == "RdBu_r"  # white is 0
    assert axes[0, 2].images[0].get_clim()[0] == 0.0
    assert axes[0, 3].texts[0].get_text() == "all 0"


def test_pixels_of_eight_bits_are_drawn_in_full():
    axes = plot_attributions(np.full((1, 3, 3, 1), 255, np.uint8), {})
    assert axes[0, 0].images[0].get_array().max() == 1.0


def test_wrong_maps_are_refused():
    images = np.zeros((2, 4, 5, 1))
    with pytest.raises(ValueError, match=r"maps\['m'\] must be"):
        plot_attributions(images, {"m": np.zeros((2, 5, 4))})
    with pytest.raises(ValueError, match="titles must be 2"):
        plot_attributions(images, {}, titles=["a"])
    with pytest.raises(ValueError, match="plot_columns"):
        plot_attributions(np.zeros((2, 4)), {})
    with pytest.raises(ValueError, match="2 names"):
        plot_columns(np.zeros((3, 2)), columns=["a"])


def test_columns_are_drawn_largest_first():
    ax = plot_columns(np.array([[1.0, -4.0, 2.0], [-1.0, 2.0, 2.0]]), most=2)
    assert [bar.get_width() for bar in ax.patches] == [3.0, 2.0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["column 1", "column 2"]


def test_classes_have_colours_and_domains_markers():
    x = RNG.normal(size=(9, 4))
    labels = np.array(["a", "b", None] * 3, object)
    domains = ["source"] * 5 + ["target"] * 4
    axes = plot_embedding({"before": x, "after": x[:, ::-1]}, labels, domains)
    source, _, target, _ = axes[0].collections
    assert len(source.get_offsets()) == 5 and len(target.get_offsets()) == 4
    assert len(source.get_facecolors()) == 0  # hollow
    a, b = class_colours(2)
    edges = [to_hex(colour) for colour in source.get_edgecolors()]
    assert edges == [a.lower(), b.lower(), "#bbbbbb", a.lower(), b.lower()]
    assert {note.get_text() for note in axes[0].texts} == {"a", "b"}
    told = [text.get_text() for text in axes[1].get_legend().get_texts()]
    assert told == ["source", "target"]


def test_principal_components_are_those_of_the_covariance():
    x = RNG.normal(size=(40, 6)) * np.array([9.0, 3.0, 1.0, 0.1, 0.1, 0.1])
    found = embed(x)
    centred = x - x.mean(axis=0)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(centred @ rows[:2].T), atol=1e-9)


@pytest.mark.slow
def test_t_sne_keeps_two_clumps_apart():
    x = np.concatenate([RNG.normal(size=(12, 5)), 30.0 + RNG.normal(size=(12, 5))])
    first = embed(x, method="tsne")
    inside = np.linalg.norm(first[:12] - first[:12].mean(axis=0), axis=1).max()
    assert np.linalg.norm(first[:12].mean(axis=0) - first[12:].mean(axis=0)) > inside


def test_wrong_features_are_refused():
    with pytest.raises(ValueError, match="unknown method 'umap'"):
        embed(np.eye(4), method="umap")
    with pytest.raises(ValueError, match="at least 3 rows"):
        embed(np.eye(2))
    with pytest.raises(ValueError, match="panels is empty"):
        plot_embedding({}, [], [])
    with pytest.raises(ValueError, match="equally many rows"):
        plot_embedding({"a": np.eye(4)}, [0] * 4, ["s"] * 3)
    assert embed(np.arange(5.0)[:, None]).shape == (5, 2)


def test_the_same_figure_is_the_same_file(tmp_path):
    moved = Moved((Part("in", 3, 0.1, 0.9),), 9)
    for name in ("one", "two"):
        save_figure(plot_moved(moved), tmp_path / name)
    for ending in ("png", "svg"):
        files = [
            (tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two")
        ]
        assert files[0] == files[1] and len(files[0]) > 1000


def test_no_figure_is_kept():
    before = len(matplotlib._pylab_helpers.Gcf.get_all_fig_managers())
    plot_moved(Moved((Part("in", 3, 0.1, 0.9),), 9))
    assert len(matplotlib._pylab_helpers.Gcf.get_all_fig_managers()) == before


def test_a_dollar_in_a_name_begins_no_formula(tmp_path):
    bad = "$a_b_c$"  # as a formula it is an error
    axes = [
        plot_columns(np.ones((2, 2)), columns=[bad, "from $5 to $9"]),
        plot_embedding({bad: RNG.normal(size=(4, 3))}, [bad] * 4, [bad] * 4),
        plot_moved(Moved((Part(bad, 2, 0.5, 0.5),), 4)),
        plot_attributions(
            np.ones((1, 4, 4, 1)), {bad: np.ones((1, 4, 4))}, titles=[bad]
        ),
    ]
    for number, own in enumerate(axes):
        _, svg = save_figure(own, tmp_path / str(number))
        assert svg.stat().st_size > 0

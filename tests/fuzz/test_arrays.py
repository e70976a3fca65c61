"""What users hand over in memory: to DomainAdapter, ArrayData and fit."""

import jax
import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import da_zoo
import da_zoo.estimator
from da_zoo import ArrayData, DomainAdapter, methods, network_by_name
from da_zoo.requirements import check_fit
from tests.fuzz.clean import LEAVES, NUMBERS, TEXTS, answer, fuzz

EXAMPLES = 760

NETWORK = network_by_name("mlp", hidden=(4,))
X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
Y = np.arange(8) % 2
RECIPE = methods.deep_coral(NETWORK, classes=2)
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 8]), max_size=4).map(tuple)
KINDS = [
    "f4",
    "f8",
    "f2",
    "i4",
    "i8",
    "u1",
    "b1",
    "c8",
    "U3",
    "S3",
    "O",
    "M8[s]",
    "m8[s]",
    "V4",
    "u8",
    "i1",
]


class Valid(BaseException):
    """Everything was accepted: training would begin."""


def begin(recipe, data, key, **settings):
    """Stands for ``fit``: nothing is compiled for shapes of every kind."""
    for stream in data.streams().values():
        for leaf in jax.tree.leaves(stream.pool):
            assert leaf.dtype in (np.float32, np.uint8, np.int32)
            assert leaf.ndim > 1 and len(leaf) and np.isfinite(leaf).all()
        if stream.labels is not None:
            assert stream.labels.min() >= 0
    check_fit(
        recipe, data, settings["steps"], settings["batch_size"], 1, 2**20, "raise"
    )
    raise Valid


@st.composite
def arrays(draw, shape=None):
    """An array of any shape and type, or what is none."""
    how = draw(st.sampled_from(["array"] * 6 + ["odd", "values", "list"]))
    shape = draw(SHAPES) if shape is None or draw(st.booleans()) else shape
    if how == "array":
        array = np.zeros(shape, draw(st.sampled_from(KINDS)))
        if array.size and array.dtype.kind in "fiu" and draw(st.booleans()):
            with np.errstate(over="ignore"):
                array.flat[draw(st.integers(0, array.size - 1))] = draw(
                    st.sampled_from([0, 1, 5, 100])
                    if array.dtype.kind != "f"
                    else st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 1e-300, 0.5])
                )
        return array
    if how == "odd":
        return draw(st.sampled_from(ODD))
    if how == "values":
        return draw(LEAVES)
    return draw(st.lists(st.lists(LEAVES, max_size=3) | LEAVES | st.none(), max_size=8))


ODD = (
    None,
    object(),
    scipy.sparse.csr_matrix(X),
    scipy.sparse.coo_array(X),
    np.ma.masked_array(X, mask=X > 0),
    np.ma.masked_array(Y, mask=Y > 0),
    np.matrix(X),
    np.array([[1, 2, 3], [1, None, 3]] * 4, object),
    np.array([np.zeros(2), np.zeros(3)], object),
    {"a": X, "b": X[:2]},
    {"a": X},
    {},
    X[:0],
    X[:, :0],
    np.full((8, 3), np.inf),
    X.astype(np.float64) * 1e300,
    np.broadcast_to(np.float32(0), (2**31, 3)),
    np.arange(8) - 4,
    np.full(8, 2**62),
    np.array(["a", "b"] * 4),
    np.array([0.5, 1.5] * 4),
    np.array([0, 1, np.nan, 1] * 2),
    np.array([0, "a", None, 1.5] * 2, object),
    np.zeros(8, "M8[s]"),
    iter([1, 2]),
    range(8),
    X,
    Y,
    jax.numpy.ones((8, 3)),
)


@fuzz(300)
@given(arrays((8, 3)), arrays((8,)), arrays((8, 3)), arrays((8,)), st.data())
def test_arrays_of_every_kind(x, y, target, y_target, data):
    name = data.draw(st.sampled_from(["deep_coral", "source_only", "fine_tuning"]))
    good = data.draw(st.lists(st.booleans(), min_size=4, max_size=4))
    x, y = (X if good[0] else x), (Y if good[1] else y)
    target = X if good[2] else target
    y_target = None if good[3] else y_target
    domain = data.draw(st.none() | st.just(np.r_[np.ones(4), -np.ones(4)]) | arrays())
    fitted = DomainAdapter(name, network=NETWORK, steps=2, batch_size=4)
    before, da_zoo.estimator.fit = da_zoo.estimator.fit, begin
    try:
        if data.draw(st.booleans()):
            answer(lambda: fitted.fit(x, y, target, y_target))
        else:
            answer(lambda: fitted.fit(x, y, sample_domain=domain))
    except Valid:
        pass
    finally:
        da_zoo.estimator.fit = before


SETTINGS = st.sampled_from(
    ["steps", "batch_size", "seed", "network", "method", "learning_rate", "trade_off",
     "batch_norm", "optimizer", "schedule", "weight_decay", "no_such", "bandwidths"]
)  # fmt: skip


@fuzz(200)
@given(st.dictionaries(SETTINGS, LEAVES | st.just([1, 2]), min_size=1, max_size=2))
def test_settings_of_every_kind(settings):
    method = settings.pop("method", "deep_coral")
    before, da_zoo.estimator.fit = da_zoo.estimator.fit, begin
    try:
        answer(lambda: DomainAdapter(method, **settings).fit(X, Y, X))
    except Valid:
        pass
    finally:
        da_zoo.estimator.fit = before


@fuzz(160)
@given(arrays((8, 3)), arrays((8,)), arrays((8, 3)), st.data())
def test_array_data(x, y, target, data):
    good = data.draw(st.lists(st.booleans(), min_size=3, max_size=3))
    pair = (X if good[0] else x, Y if good[1] else y)
    source = data.draw(st.sampled_from([pair, [pair, (X, Y)], pair[0], (), [], None]))
    found, _ = answer(lambda: ArrayData(source, X if good[2] else target))
    if found is not None and found.source is not None and y is not None:
        assert found.source.labels is not None


@fuzz(100)
@given(st.data())
def test_fit(data):
    settings = {
        "steps": 2,
        "batch_size": 4,
        **data.draw(
            st.dictionaries(
                st.sampled_from(
                    [
                        "steps",
                        "batch_size",
                        "seeds",
                        "loop",
                        "seeds_mode",
                        "memory",
                        "pools",
                        "workers",
                        "on_nonfinite",
                        "sweep",
                        "progress",
                    ]
                ),
                NUMBERS.filter(lambda n: not (isinstance(n, int) and n > 0))
                | TEXTS
                | st.none()
                | st.just({"learning_rate": []})
                | st.just({"no": [1]}),
                min_size=1,
                max_size=2,
            )
        ),
    }
    good = data.draw(st.booleans())
    answer(
        lambda: da_zoo.fit(
            RECIPE if good else data.draw(st.sampled_from([None, (), [1], "dann"])),
            ArrayData((X, Y), X),
            jax.random.key(0) if good else data.draw(st.sampled_from([0, None, X])),
            **settings,
        )
    )


def test_a_fitted_one_answers_or_refuses():
    fitted = DomainAdapter("deep_coral", network=NETWORK, steps=2, batch_size=4)
    fitted.fit(X, Y, X)
    for odd in (*ODD, X[:, :2], X[None], X * np.nan):
        if isinstance(odd, np.ndarray) and odd.size > 10**6:
            continue
        found, _ = answer(lambda odd=odd: fitted.predict(odd))
        assert found is None or len(found) == 8

"""Every method of the registry, through the contract and the promises of its kind."""

import functools
import inspect
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import da_zoo
from da_zoo import METHODS, ArrayData, build_recipe, fit, network_by_name
from da_zoo.programs import forget_programs
from da_zoo.step import make_train_step
from da_zoo.testing import check_adapter, example_batch, toy_data
from da_zoo.types import Examples

NETWORK = network_by_name("mlp", hidden=(8, 4))
LABEL_SPACES = {"same_task": 3, "other_task": {"source": 3, "target": 3}}


@pytest.fixture(autouse=True)
def _few_programs():
    # Each program maps memory, and Linux limits the number of maps of a process.
    yield
    forget_programs()


def cells():
    """(method, track, label space) wherever a method is defined."""
    for name, spec in METHODS.items():
        if "U" in spec.tracks:
            yield pytest.param(name, "U", "same_task", id=f"{name}-U")
        if "F" in spec.tracks:
            for space in ["same_task"] if spec.same_task else LABEL_SPACES:
                yield pytest.param(name, "F", space, id=f"{name}-F-{space}")


def recipe_of(name, track="U", space="same_task", **values):
    values.setdefault("batch_norm", "separate")
    return build_recipe(
        METHODS[name],
        NETWORK,
        classes=LABEL_SPACES[space],
        labelled_target=track == "F",
        **values,
    )


@pytest.mark.parametrize(("name", "track", "space"), list(cells()))
def test_the_contract_holds(name, track, space):
    check_adapter(recipe_of(name, track, space), toy_data(), thorough=False)


THOROUGH = ("dann", "lp_ft", "mcd", "shot")
"""One of each kind; loops and devices of the others take minutes: see the slow mark."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in THOROUGH else pytest.mark.slow)
        for name in METHODS
    ],
)
def test_loops_and_devices_end_alike(name):
    track = "U" if "U" in METHODS[name].tracks else "F"
    check_adapter(recipe_of(name, track), toy_data())


@pytest.mark.parametrize("policy", ["joint", "domain_specific", "frozen"])
def test_the_contract_holds_under_every_batch_norm_policy(policy):
    check_adapter(recipe_of("dann", batch_norm=policy), toy_data())


def weighted(batch, altered):
    """The batch with two rows of each stream as padding, which may be altered."""

    def pad(rows):
        weight = jnp.ones(rows.index.shape).at[jnp.array([1, 6])].set(0.0)
        if altered:
            padding = weight == 0
            x = jnp.where(padding[:, None], 7.0 - 3.0 * rows.x, rows.x)
            rows = rows._replace(x=x, y=jnp.where(padding, (rows.y + 1) % 3, rows.y))
        return rows._replace(weight=weight)

    return jax.tree.map(pad, batch, is_leaf=lambda node: isinstance(node, Examples))


@pytest.mark.parametrize(
    ("name", "track"),
    [
        # The track in which a method adapts without labels, if it has both.
        pytest.param(
            *(name, track),
            marks=pytest.mark.slow if track == "F" and "U" in spec.tracks else (),
        )
        for name, spec in METHODS.items()
        for track in sorted(spec.tracks)
    ],
)
def test_what_padding_rows_hold_changes_nothing(name, track):
    """Rows of weight 0 enter no loss and no statistic, whatever is in them."""
    learned = False
    for phase in recipe_of(name, track, batch_norm="joint"):
        batch = example_batch(toy_data(), phase.uses)
        state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
        # Mid-training, where ramps are not 0.
        state = state._replace(total_steps=jnp.float32(8), step=jnp.int32(4))
        step = make_train_step(phase.adapter, donate=False)
        ends = [step(state, weighted(batch, altered))[0] for altered in (False, True)]
        once, again = (leaves_by_path((end.params, end.stats)) for end in ends)
        for path in once:
            np.testing.assert_array_equal(once[path], again[path], err_msg=path)
        start = leaves_by_path((state.params, state.stats))
        learned |= any(not np.array_equal(start[path], once[path]) for path in once)
    assert learned


def joint(spec):
    """Whether a method trains on source and target at once, with a weighted term."""
    phase = recipe_of(spec.name, "U" if "U" in spec.tracks else "F")[0]
    weighted = any(h.name == "trade_off" and h.traced for h in spec.hparams)
    return weighted and phase.uses == {"source", "target"}


ALIGNERS = [name for name, spec in METHODS.items() if joint(spec)]
MORE_THAN_A_TERM = {
    "mcd": "a second head trains the encoder too",
    "swd": "a second head trains the encoder too",
    "osbp": "its head has a class more",
    "pada": "it weighs the source by class whatever the weight of its term",
    "dsbn": "its second stage learns from pseudo-labels",
}
PLAIN = {
    "fixmatch": {"augment_labelled": False, "threshold": 0.0},
    "mean_teacher": {"augment_labelled": False, "predict_with": "student"},
    "adamatch": {"augment_labelled": False, "predict_with": "student"},
}
"""Options that leave the term alone, or let an untrained network feel it."""


def trained(name, track="U", steps=12, data=None, **values):
    recipe = recipe_of(name, track, **values)
    data = data or toy_data()
    return fit(recipe, data, jax.random.key(3), steps=steps, batch_size=8)


ROWS = np.random.default_rng(0).normal(size=(20, 6))


@functools.cache
def unaligned(name):
    """A baseline's parameters and target logits, trained once."""
    result = trained(name)
    params = jax.tree.map(np.asarray, result.state.params)
    return params, np.asarray(result.predict(ROWS).logits["target"])


@pytest.mark.parametrize("name", sorted(set(ALIGNERS) - set(MORE_THAN_A_TERM)))
def test_without_its_term_an_aligner_is_source_only_and_predicts_as_adabn(name):
    aligner = trained(name, trade_off=0.0, **PLAIN.get(name, {}))
    source_only, adabn = unaligned("source_only"), unaligned("adabn")
    for group in ("encoder", "head_source"):
        for a, b in zip(
            jax.tree.leaves(aligner.state.params[group]),
            jax.tree.leaves(source_only[0][group]),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(
        aligner.predict(ROWS).logits["target"], adabn[1], atol=1e-5
    )


@pytest.mark.parametrize("name", ALIGNERS)
def test_the_adaptation_gradient_reaches_the_encoder(name):
    plain = PLAIN.get(name, {})
    (phase, *_) = recipe_of(name, trade_off=10.0, **plain)
    (without, *_) = recipe_of(name, trade_off=0.0, **plain)
    batch = example_batch(toy_data(), phase.uses)
    ends = []
    for adapter in (phase.adapter, without.adapter):
        state = jax.jit(adapter.init)(jax.random.key(0), batch)
        state = state._replace(step=jnp.int32(5), total_steps=jnp.float32(10))
        ends.append(jax.jit(adapter.update)(state, batch)[0].params["encoder"])
    gaps = [
        float(jnp.abs(a - b).max())
        for a, b in zip(*(jax.tree.leaves(end) for end in ends), strict=True)
    ]
    assert max(gaps) > 1e-5


@pytest.mark.parametrize("name", ["dan", "deep_coral", "ddc"])
def test_alignment_lowers_the_distance_it_minimises(name):
    metric = {"deep_coral": "coral"}.get(name, "mmd_squared")
    strong = {"dan": 5.0, "deep_coral": 100.0, "ddc": 5.0}[name]
    values = {"steps": 150, "optimizer": "adam", "schedule": "constant"}
    values["batch_norm"] = "joint"  # shares statistics, so it does not align by itself
    free = trained(name, trade_off=0.0, **values).history[f"adapt/{metric}"]
    bound = trained(name, trade_off=strong, **values).history[f"adapt/{metric}"]
    assert bound[-20:].mean() < 0.5 * free[-20:].mean()


def test_dann_reaches_full_reversal_and_not_at_once():
    reversal = trained("dann", steps=100).history["adapt/reversal"]
    assert reversal[0] == 0.0
    assert reversal[20] < 0.85
    assert reversal[-1] > 0.999


def test_the_discriminator_learns():
    # Features of 16 units leave it something to tell the domains apart by.
    recipe = build_recipe(
        METHODS["dann"],
        network_by_name("mlp", hidden=(16,)),
        classes=3,
        trade_off=0.0,
        optimizer="adam",
        schedule="constant",
    )
    free = fit(recipe, toy_data(), jax.random.key(0), steps=300, batch_size=24)
    assert free.history["adapt/domain_accuracy"][-20:].mean() > 0.9


def leaves_by_path(tree):
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


@pytest.mark.parametrize("name", ["linear_probe", "partial_freezing"])
def test_frozen_means_frozen(name):
    """Weights, weight decay, momentum and batch statistics, bit for bit."""
    recipe = recipe_of(name, "F", weight_decay=0.1)
    before = fit(recipe[:1], toy_data(), jax.random.key(3), steps=9, batch_size=8)
    # 9 of 15 steps are the source's: the first phase is the same run.
    after = fit(recipe, toy_data(), jax.random.key(3), steps=15, batch_size=8)
    old = leaves_by_path(before.state.params["encoder"])
    new = leaves_by_path(after.state.params["encoder"])
    old_stats = leaves_by_path(before.state.stats["source"])
    new_stats = leaves_by_path(after.state.stats["target"])
    frozen = "_0'" if name == "partial_freezing" else ""
    assert any(frozen in path for path in old)
    for path in old:
        assert np.array_equal(old[path], new[path]) == (frozen in path), path
    for path in old_stats:
        assert np.array_equal(old_stats[path], new_stats[path]) == (frozen in path), (
            path
        )
    moments = [
        path for path in leaves_by_path(after.state.opt_state) if "encoder" in path
    ]
    assert not any(frozen in path for path in moments)


def test_fine_tuning_moves_the_encoder_a_tenth_as_fast():
    slow = recipe_of("fine_tuning", "F")[1]
    fast = recipe_of("fine_tuning", "F", encoder_factor=1.0)[1]
    batch = example_batch(toy_data(), slow.uses)
    moved = []
    for phase in (slow, fast):
        state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
        state = state._replace(total_steps=jnp.float32(10))
        end = jax.jit(phase.adapter.update)(state, batch)[0]
        gap = jax.tree.map(lambda a, b: a - b, end.params, state.params)
        moved.append(gap)
    kernel = ("encoder", "Dense_0", "kernel")
    slow_step, fast_step = (m[kernel[0]][kernel[1]][kernel[2]] for m in moved)
    np.testing.assert_allclose(slow_step, 0.1 * fast_step, rtol=1e-3, atol=1e-7)
    heads = [m["head_target"]["kernel"] for m in moved]
    np.testing.assert_allclose(*heads, rtol=1e-5)
    assert float(jnp.abs(moved[0]["head_source"]["kernel"]).max()) == 0.0


def test_a_shared_task_starts_from_the_source_head_and_another_one_does_not():
    for space, same in (("same_task", True), ("other_task", False)):
        recipe = recipe_of("linear_probe", "F", space, learning_rate=0.0)
        state = fit(recipe, toy_data(), jax.random.key(0), steps=5, batch_size=8).state
        heads = [
            state.params[f"head_{name}"]["kernel"] for name in ("source", "target")
        ]
        assert np.array_equal(*heads) == same


def test_adabn_uses_the_cumulative_statistics_of_the_target():
    # One batch holds the whole target, so the average of batches is the batch's own.
    data = toy_data()
    recipe = recipe_of("adabn")
    result = fit(recipe, data, jax.random.key(0), steps=3, batch_size=24)
    x = jnp.asarray(data.target.pool)
    kernel = result.state.params["encoder"]["Dense_0"]["kernel"]
    expected = np.mean(np.asarray(x @ kernel), axis=0)
    stats = result.state.stats["target"]["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(stats["mean"], expected, atol=1e-4)
    np.testing.assert_allclose(
        stats["var"], np.var(np.asarray(x @ kernel), axis=0), rtol=1e-3
    )


def test_source_free_streams_cannot_be_read():
    for name in ("target_only", "fine_tuning"):
        phase = recipe_of(name, "F")[-1]
        assert phase.uses == {"target_labelled"}
        assert example_batch(toy_data(), phase.uses).source is None


@pytest.mark.parametrize("name", ["deep_coral", "dann"])
def test_poisoned_target_labels_leave_whole_runs_bit_identical(name):
    """An information set has no target labels, whatever the pool's owner knows."""
    data = toy_data()
    clean = trained(name, data=data)
    poisoned = ArrayData(data.source, data.target, None)
    again = trained(name, data=poisoned)
    for a, b in zip(
        jax.tree.leaves(clean.state.params),
        jax.tree.leaves(again.state.params),
        strict=True,
    ):
        assert np.array_equal(a, b)


def test_methods_learn_the_toy_shift():
    data = toy_data()
    x, y = data.target.pool, np.arange(24) % 3
    for name in ("adabn", "deep_coral", "dann"):
        result = trained(name, steps=200, optimizer="adam", schedule="constant")
        hits = np.argmax(result.predict(x).logits["target"], axis=1) == y
        assert hits.mean() > 0.8, name


@pytest.mark.parametrize("name", list(METHODS))
def test_registry_entries_are_complete(name):
    spec = METHODS[name]
    assert spec.name == name == spec.factory.__name__
    assert spec.tracks <= {"U", "F"}
    assert spec.tracks
    if not spec.baseline:
        assert spec.year is not None
        assert str(spec.year) in spec.paper
        assert spec.bibtex.startswith("@")
        assert f"year = {{{spec.year}}}" in spec.bibtex
    defaults = inspect.signature(spec.factory).parameters
    for hyperparameter in spec.hparams:
        assert defaults[hyperparameter.name].default == hyperparameter.default
        assert hyperparameter.source
    static = {h.name for h in spec.hparams if not h.traced}
    recipe = recipe_of(name, "F" if spec.tracks == {"F"} else "U")
    floats = {h for p in recipe for h in p.adapter.init.keywords["hparams"]}
    assert not static & floats
    assert {h.name for h in spec.hparams if h.traced} <= floats


def test_every_method_file_is_registered():
    folder = pathlib.Path(da_zoo.methods.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == set(METHODS)


def test_other_hyper_parameter_values_share_the_compiled_step():
    one, other = recipe_of("dan", trade_off=0.5), recipe_of("dan", trade_off=2.0)
    assert one[0].adapter.update is other[0].adapter.update
    assert recipe_of("dan", estimator="v")[0].adapter.update is not (
        one[0].adapter.update
    )


def test_methods_that_begin_on_the_source_share_that_program():
    first = recipe_of("source_only")[0].adapter.update
    assert recipe_of("adabn")[0].adapter.update is first
    for space in LABEL_SPACES:
        assert recipe_of("lp_ft", "F", space)[0].adapter.update is first


@pytest.mark.parametrize(
    ("case", "track", "method", "defined"),
    [
        (1, "U", "dann", True),
        (2, "U", "dann", False),
        (4, "F", "dann", True),
        (3, "U", "lp_ft", False),
        (3, "F", "source_only", False),
        (2, "F", "source_only", False),
        (4, "F", "target_only", True),
    ],
)
def test_where_methods_are_defined(case, track, method, defined):
    assert (METHODS[method].undefined(case, track) == "") == defined


def test_bad_arguments_are_named():
    with pytest.raises(
        ValueError, match=r"learning_rates.*did you mean 'learning_rate'"
    ):
        da_zoo.methods.dann(NETWORK, classes=3, learning_rates=0.1)
    with pytest.raises(ValueError, match="at least 2"):
        da_zoo.methods.dann(NETWORK, classes=1)
    with pytest.raises(ValueError, match="labelled_target=True"):
        da_zoo.methods.dann(NETWORK, classes={"source": 3, "target": 2})
    with pytest.raises(ValueError, match="estimator"):
        da_zoo.methods.dan(NETWORK, classes=3, estimator="w")
    with pytest.raises(ValueError, match="batch_norm"):
        da_zoo.methods.adabn(NETWORK, classes=3, batch_norm="frozen")
    with pytest.raises(ValueError, match=r"matches no parameter path.*Dense_0"):
        recipe = recipe_of("partial_freezing", "F", freeze="Danse_0")
        fit(recipe, toy_data(), jax.random.key(0), steps=5)

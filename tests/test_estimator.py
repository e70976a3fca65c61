import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from da_zoo import DomainAdapter, network_by_name
from da_zoo.programs import forget_programs

NETWORK = network_by_name("mlp", hidden=(8,))


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["cat", "dog"], 40))
    X = rng.normal(size=(80, 4)) + 3.0 * (y == "dog")[:, None]
    return X, y, 1.5 * X + 1.0


def adapter(method="deep_coral", **values):
    return DomainAdapter(method, network=NETWORK, steps=60, batch_size=16, **values)


def test_string_labels_probabilities_features_and_score(data):
    X, y, X_target = data
    fitted = adapter().fit(X, y, X_target=X_target)
    assert fitted.classes_.tolist() == ["cat", "dog"]
    p = fitted.predict_proba(X_target)
    assert p.shape == (80, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-5)
    assert np.array_equal(fitted.predict(X_target), fitted.classes_[p.argmax(axis=1)])
    assert fitted.transform(X_target).shape == (80, 8)
    assert fitted.score(X_target, y) > 0.9
    domain = np.r_[np.ones(80), -np.ones(80)]
    both = fitted.score(np.r_[X, X_target], np.r_[y, y], sample_domain=domain)
    assert both == fitted.score(X_target, y)


def test_a_seed_decides_everything(data):
    X, y, X_target = data
    one, two, other = (adapter(seed=s).fit(X, y, X_target) for s in (0, 0, 1))
    assert np.array_equal(one.predict_proba(X_target), two.predict_proba(X_target))
    assert not np.array_equal(
        one.predict_proba(X_target), other.predict_proba(X_target)
    )


def test_clone_keeps_hyper_parameters():
    copy = clone(adapter(trade_off=3.0, learning_rate=0.1))
    assert copy.get_params()["trade_off"] == 3.0
    assert copy.get_params()["learning_rate"] == 0.1
    copy.set_params(trade_off=5.0, batch_norm="separate")
    assert clone(copy).get_params()["batch_norm"] == "separate"
    with pytest.raises(ValueError, match="unknown parameter 'bandwidths'"):
        copy.set_params(bandwidths=(1.0,))


def test_hyper_parameters_reach_the_method(data):
    X, y, X_target = data
    state = adapter(trade_off=3.5).fit(X, y, X_target).result_.state
    assert float(state.hparams["trade_off"]) == 3.5


def test_labels_of_target_rows_are_not_read_without_need(data):
    X, y, X_target = data
    domain = np.r_[np.ones(80), -np.ones(80)]
    both = np.r_[X, X_target]
    blank = adapter().fit(both, np.r_[y, ["nonsense"] * 80], sample_domain=domain)
    apart = adapter().fit(X, y, X_target)
    assert np.array_equal(blank.predict_proba(X), apart.predict_proba(X))


def test_methods_with_target_labels(data):
    X, y, X_target = data
    few = np.where(np.arange(80) < 10, y.astype(object), None)
    fitted = adapter("fine_tuning").fit(X, y, X_target, few)
    assert fitted.score(X_target, y) > 0.8
    domain = np.r_[np.ones(80), -np.ones(80)]
    both = adapter("pooled").fit(np.r_[X, X_target], np.r_[y, y], sample_domain=domain)
    assert both.score(X_target, y) > 0.8
    with pytest.raises(ValueError, match="needs target labels"):
        adapter("fine_tuning").fit(X, y, X_target)


def test_domain_numbers_tell_several_sources_apart(data):
    X, y, X_target = data
    both, labels = np.r_[X, X + 0.5, X_target], np.r_[y, y, y]
    domain = np.repeat([7, 3, -1], 80)
    fitted = adapter("m3sda").fit(both, labels, sample_domain=domain)
    assert int(fitted.result_.state.hparams["sources"]) == 2
    assert fitted.score(X_target, y) > 0.8
    pooled = adapter("m3sda").fit(both, labels, sample_domain=np.sign(domain))
    assert int(pooled.result_.state.hparams["sources"]) == 1


def test_pipeline_and_grid_search_take_both_domains_in_x(data):
    X, y, X_target = data
    both, labels = np.r_[X, X_target], np.r_[y, y]
    domain = np.r_[np.ones(80), -np.ones(80)]
    pipeline = make_pipeline(StandardScaler(), adapter())
    pipeline.fit(both, labels, domainadapter__sample_domain=domain)
    assert (pipeline.predict(X_target) == y).mean() > 0.8
    search = GridSearchCV(
        adapter(trade_off=1.0),
        {"trade_off": [0.1, 10.0]},
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        error_score="raise",
    )
    search.fit(both, labels, sample_domain=domain)
    assert search.best_params_["trade_off"] in (0.1, 10.0)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_grid_search_may_not_cut_x_target_by_source_folds(data):
    X, y, X_target = data
    search = GridSearchCV(
        adapter(), {"steps": [5]}, cv=2, error_score="raise", refit=False
    )
    with pytest.raises(ValueError, match="sample_domain"):
        search.fit(X, y, X_target=X_target)


def bad(data):
    X, y, X_target = data
    nan = np.where(np.arange(320).reshape(80, 4) == 17, np.nan, X)
    inf = np.where(np.arange(320).reshape(80, 4) == 5, np.inf, X_target)
    domain = np.ones(80)
    return {
        "NaN or infinite values in 1 rows, the first is row 4": (nan, y, X_target),
        "X_target has NaN or infinite values": (X, y, inf),
        "must have the same shape": (X, y, X_target[:, :3]),
        "X_target is empty": (X, y, X_target[:0]),
        "at least two classes": (X, np.repeat("cat", 80), X_target),
        r"y must have shape \(80,\)": (X, y[:-1], X_target),
        "needs the target": (X, y, None),
        "missing labels": (X, np.where(y == "cat", None, y.astype(object)), X_target),
        "y_target was given without X_target": (X, y, None, y),
        r"y_target must have shape \(80,\)": (X, y, X_target, y[:3]),
        "no target": (X, y, None, None, domain),
        "not both": (X, y, X_target, None, domain),
    }


@pytest.mark.parametrize("number", range(12))
def test_bad_data_is_named(data, number):
    message, arguments = list(bad(data).items())[number]
    with pytest.raises(ValueError, match=message):
        adapter().fit(*arguments)


def test_bad_types_and_names(data):
    X, y, X_target = data
    with pytest.raises(TypeError, match="X must be numeric"):
        adapter().fit(X.astype(str), y, X_target)
    with pytest.raises(ValueError, match=r"unknown method 'dan_n'.*'dan"):
        DomainAdapter("dan_n").fit(X, y, X_target)
    with pytest.raises(ValueError, match="unknown network 'mlpp'; did you mean 'mlp'"):
        DomainAdapter("dann", network="mlpp").fit(X, y, X_target)
    with pytest.raises(ValueError, match="'trade_of'; did you mean 'trade_off'"):
        DomainAdapter("dann", trade_of=1.0).fit(X, y, X_target)
    with pytest.raises(NotFittedError):
        adapter().predict(X)


def test_images_of_another_size_are_refused():
    rng = np.random.default_rng(0)
    images, y = rng.random((12, 8, 8, 1)), np.arange(12) % 2
    fitted = adapter("source_only").fit(images, y)
    with pytest.raises(ValueError, match=r"rows of shape \(8, 8, 1\)"):
        fitted.predict(images[:, :6])


def test_a_method_with_an_unknown_class_is_refused(data):
    X, y, X_target = data
    with pytest.raises(ValueError, match="unknown class"):
        adapter("osbp").fit(X, y, X_target)


def test_continuous_labels_and_scikit_learns_mark_for_unlabelled_are_refused(data):
    X, y, X_target = data
    adapter = DomainAdapter("fine_tuning", network=NETWORK, steps=2)
    with pytest.raises(ValueError, match=r"y holds numbers.*Continuous"):
        adapter.fit(X, X[:, 0], X_target, X[:, 0])
    numbers = (y == "dog").astype(int)
    few = np.where(np.arange(80) < 20, numbers, -1)
    with pytest.raises(ValueError, match=r"y_target holds -1.*NaN"):
        adapter.fit(X, numbers, X_target, few)
    adapter.fit(X, numbers, X_target, np.where(few < 0, np.nan, few))
    assert adapter.classes_.tolist() == [0, 1]
    # A class may be called -1 where the source has it.
    adapter.fit(X, 2 * numbers - 1, X_target, 2 * numbers - 1)
    assert adapter.classes_.tolist() == [-1, 1]

"""The estimator around the shallow methods, and their registry."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

import da_zoo
from da_zoo import SHALLOW, ShallowAdapter

FOLDER = Path(da_zoo.__file__).parent / "shallow"
SHARED = {
    "__init__",
    "adapter",
    "arrays",
    "kernels",
    "transfer_components",
    "transport",
}


def toy(seed=0, n=60):
    """Three classes; the target is stretched, turned and moved."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = np.array([[0.0, 0, 0], [6, 0, 0], [0, 6, 0]])
    x = centres[y] + rng.normal(size=(n, 3))
    return x, y


def moved(x):
    return x * [1.5, 0.7, 1.0] + [3.0, -2.0, 0.0]


@pytest.mark.parametrize("name", SHALLOW)
def test_every_method_adapts_and_predicts(name):
    (source, y), (target, truth) = toy(0), toy(1)
    target = moved(target)
    if SHALLOW[name].kind == "weighting":
        target = toy(1)[0] + [0.5, 0.0, 0.0]  # covariate shift: supports overlap
    labels = np.array(["ash", "birch", "cedar"])[y]
    adapter = ShallowAdapter(name).fit(source, labels, X_target=target)
    assert adapter.score(target, np.array(["ash", "birch", "cedar"])[truth]) > 0.9
    probabilities = adapter.predict_proba(target)
    np.testing.assert_allclose(probabilities.sum(1), 1.0)
    found = adapter.classes_[probabilities.argmax(1)]
    np.testing.assert_array_equal(found, adapter.predict(target))
    assert np.mean(adapter.predict(source, domain="source") == labels) > 0.9


@pytest.mark.parametrize("name", SHALLOW)
def test_a_fit_is_deterministic_and_leaves_its_inputs_alone(name):
    (source, y), (target, _) = toy(0), toy(1)
    before = source.copy(), target.copy()
    first = ShallowAdapter(name).fit(source, y, X_target=target)
    again = clone(first).fit(source, y, X_target=target)
    np.testing.assert_array_equal(
        first.predict_proba(target), again.predict_proba(target)
    )
    np.testing.assert_array_equal(source, before[0])
    np.testing.assert_array_equal(target, before[1])


@pytest.mark.parametrize("name", SHALLOW)
def test_the_registry_says_what_the_code_does(name):
    spec = SHALLOW[name]
    assert spec.name == name
    defaults = {
        k: p.default for k, p in inspect.signature(spec.factory).parameters.items()
    }
    for h in spec.hparams:
        assert defaults[h.name] == h.default
        assert not h.traced
    assert spec.summary.endswith(".")
    assert spec.baseline or re.match(r"@\w+\{\w+,", spec.bibtex)
    assert spec.undefined(3, "U") == ""
    assert spec.undefined(1, "F") == "uses no target labels: see track U"
    assert "another task" in spec.undefined(4, "U")
    assert "continuous" in spec.undefined(3, "U", continuous=True)
    assert "open" in spec.undefined(3, "U", label_sets="open")


def test_every_file_is_registered():
    files = {path.stem for path in FOLDER.glob("*.py")} - SHARED
    assert files == set(SHALLOW)
    for name in files:
        module = importlib.import_module(f"da_zoo.shallow.{name}")
        assert module.SPEC is SHALLOW[name]


def test_the_package_is_imported_without_scikit_learn():
    code = "import sys, da_zoo; print('sklearn' in sys.modules)"
    import subprocess
    import sys

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"
    assert "SHALLOW" in dir(da_zoo)


def test_jda_labels_the_target_with_the_adapter_s_classifier():
    (source, y), (target, _) = toy(0), toy(1)
    svm = LinearSVC(C=0.1)
    adapter = ShallowAdapter("jda", svm, components=2).fit(source, y, X_target=target)
    assert isinstance(adapter.adapter_.classifier, LinearSVC)
    np.testing.assert_array_equal(
        adapter.predict(target), adapter.adapter_.pseudo_labels_
    )
    assert not hasattr(svm, "coef_"), "the classifier given must stay unfitted"
    assert not hasattr(adapter, "predict_proba")


def test_weights_reach_the_classifier():
    (source, y), (target, _) = toy(0), toy(1)
    adapter = ShallowAdapter("density_ratio", scale="none", inverse_penalty=10.0)
    adapter.fit(source, y, X_target=target[:20] + np.array([2.0, 0, 0]))
    weights = adapter.adapter_.weights_
    assert weights.std() > 0.1
    by_hand = LogisticRegression(max_iter=1000).fit(source, y, sample_weight=weights)
    np.testing.assert_allclose(adapter.classifier_.coef_, by_hand.coef_)
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        ShallowAdapter("kmm", KNeighborsClassifier()).fit(source, y, X_target=target)


def test_scales():
    (source, y), (target, _) = toy(0), toy(1)
    far = 10.0 * target + 100.0
    fit = {
        scale: ShallowAdapter("unadapted", scale=scale).fit(source, y, X_target=far)
        for scale in ("per_domain", "source", "none")
    }
    assert np.mean(fit["per_domain"].predict(far) == toy(1)[1]) > 0.9
    assert np.mean(fit["none"].predict(far) == toy(1)[1]) < 0.9
    assert np.mean(fit["source"].predict(far) == toy(1)[1]) < 0.9
    usual = ShallowAdapter("unadapted").fit(source, y, X_target=far)
    np.testing.assert_array_equal(usual.predict(far), fit["per_domain"].predict(far))
    with pytest.raises(ValueError, match="unknown scale 'domain'"):
        ShallowAdapter("coral", scale="domain").fit(source, y, X_target=far)


def test_a_constant_column_is_no_division_by_zero():
    (source, y), (target, _) = toy(0), toy(1)
    source[:, 2], target[:, 2] = 0.0, 1.0
    for name in SHALLOW:
        adapter = ShallowAdapter(name).fit(source, y, X_target=target)
        assert np.isfinite(adapter.predict_proba(target)).all()


def test_parameters_travel():
    adapter = ShallowAdapter("tca", components=5)
    assert adapter.get_params()["components"] == 5
    assert clone(adapter).get_params() == adapter.get_params()
    adapter.set_params(kernel="rbf", scale="none")
    assert clone(adapter).kernel == "rbf"
    adapter.set_params(classifier=KNeighborsClassifier(3))
    adapter.set_params(classifier__n_neighbors=7)
    assert adapter.get_params()["classifier__n_neighbors"] == 7
    with pytest.raises(ValueError, match="did you mean 'components'"):
        adapter.set_params(component=3)
    with pytest.raises(ValueError, match="classifier is None"):
        ShallowAdapter("tca").set_params(classifier__n_neighbors=3)


def test_bad_input_is_named():
    (source, y), (target, _) = toy(0), toy(1)
    for name, message in (("tcb", "did you mean 'tca'"), ("dann", "shallow method")):
        with pytest.raises(ValueError, match=message):
            ShallowAdapter(name).fit(source, y, X_target=target)
    with pytest.raises(ValueError, match="unknown tca option 'componets'"):
        ShallowAdapter("tca", componets=3).fit(source, y, X_target=target)
    with pytest.raises(TypeError, match="X_target is None"):
        ShallowAdapter("tca").fit(source, y)
    with pytest.raises(ValueError, match="two classes"):
        ShallowAdapter("tca").fit(source, np.zeros(60), X_target=target)
    with pytest.raises(ValueError, match="one label a row"):
        ShallowAdapter("tca").fit(source, y[:5], X_target=target)
    fitted = ShallowAdapter("tca").fit(source, y, X_target=target)
    with pytest.raises(ValueError, match="3 columns as in fit, got 2"):
        fitted.predict(target[:, :2])

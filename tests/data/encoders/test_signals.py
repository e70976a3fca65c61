import json

import numpy as np
import pytest

from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.encoders.signals import fit, from_json

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (20, 8, 2)) * np.array([1.0, 50.0])


def test_the_sources_training_windows_alone_are_scaled_to_one():
    data = make_domain_data("a", "signals", X)
    train = np.arange(12)
    encoder = fit(data.take(train))
    scaled = encoder.apply(X[train])
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=(0, 1)), 0.0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(0, 1)), 1.0, rtol=1e-5)
    poisoned = X.copy()
    poisoned[12:] = 1e6
    again = fit(make_domain_data("b", "signals", poisoned).take(train))
    assert again.to_json() == encoder.to_json()


def test_json_gives_its_equal():
    encoder = fit(make_domain_data("a", "signals", X))
    again = from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(again.apply(X), encoder.apply(X))
    told = encoder.to_json()
    for key, value in [
        ("mean", [0.0]),
        ("mean", "0"),
        ("mean", []),
        ("deviation", [1.0, 0.0]),
        ("deviation", [1.0, float("nan")]),
        ("time", 0),
    ]:
        with pytest.raises(ValueError, match=f"'{key}'"):
            from_json(told | {key: value})
    with pytest.raises(ValueError, match="lacks 'time'"):
        from_json({key: told[key] for key in ("mean", "deviation")})


def test_windows_of_another_shape_or_with_gaps_are_refused():
    encoder = fit(make_domain_data("a", "signals", X))
    with pytest.raises(ValueError, match=r"must be \[n, 8, 2\].*got \(20, 7, 2\)"):
        encoder.apply(X[:, :7])
    with pytest.raises(ValueError, match=r"got \(20, 8, 1\)"):
        encoder.apply(X[:, :, :1])
    gap = X.copy()
    gap[3, 3, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        encoder.apply(gap)
    with pytest.raises(ValueError, match="NaN"):
        fit(make_domain_data("a", "signals", gap))
    with pytest.raises(ValueError, match=r"must be \[n, time, channels\]"):
        fit(make_domain_data("a", "signals", X[:, :, 0]))

"""What the tasks are for: a linear probe likes their features better than random ones.

Each toy has structure that its task can find without labels and that a narrow random
network mixes up: factors behind the columns of a table or the pixels of an image,
topics behind words. Two seeds train in one program; the mean gain has to pass a margin.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from da_zoo import ArrayData, Pretrained, fit, network_by_name
from da_zoo.methods.pretraining import PRETRAINING, pretrained_from
from da_zoo.methods.pretraining.next_sentence import join_segments

ROWS, FEW, TEST = 1000, 100, 400
VOCABULARY, TOPICS = 64, 4
MARGIN = 0.1
SEEDS = 2


class Case(NamedTuple):
    network: Any
    pool: Any
    """Rows to pre-train on, and their labels."""
    few: Any
    test: Any
    options: dict[str, Any]
    steps: int


def _cut(network, x, y, steps, **options):
    cuts = [slice(ROWS), slice(ROWS, ROWS + FEW), slice(ROWS + FEW, None)]
    return Case(network, *((x[cut], y[cut]) for cut in cuts), options, steps)


def _factors(count, shape, noise):
    """Two signs of ``count`` factors are the class, in rows of another ``shape``."""
    rng = np.random.default_rng(0)
    total = ROWS + FEW + TEST
    z = rng.normal(size=(total, count))
    x = np.tensordot(z, rng.normal(size=(count, *shape)), 1)
    x = np.tanh(x) if len(shape) == 1 else x
    x = (x + noise * rng.normal(size=x.shape)).astype(np.float32)
    return (x - x.mean(0)) / x.std(0), 2 * (z[:, 0] > 0) + (z[:, 1] > 0)


def _table(steps=300, **options):
    network = network_by_name("mlp", hidden=(32, 8))
    return _cut(network, *_factors(4, (24,), 0.7), steps, **options)


def _texts(length=8, seed=1):
    rng = np.random.default_rng(0)
    words = [rng.permutation(VOCABULARY - 4)[:16] + 4 for _ in range(TOPICS)]
    y = np.arange(ROWS + FEW + TEST) % TOPICS
    rng = np.random.default_rng(seed)
    texts = np.stack([rng.choice(words[topic], length) for topic in y])
    return texts.astype(np.int32), y


def _reader(name, **options):
    return network_by_name(
        name,
        vocabulary=VOCABULARY,
        width=16,
        heads=2,
        max_length=24,
        dropout=0.0,
        pad_id=0,
        **options,
    )


def _masked_tokens():
    x, y = _texts()
    x = np.concatenate([np.full((len(x), 1), 1, np.int32), x], axis=1)
    network = _reader("bert", depth=1)
    ids = {"vocabulary": VOCABULARY, "mask_id": 3, "special_ids": (1, 2)}
    return _cut(network, x, y, 400, **ids)


def _causal_tokens():
    ids = {"vocabulary": VOCABULARY, "pad_id": 0}
    return _cut(_reader("gpt2", depth=1), *_texts(), 300, **ids)


def _next_sentence():
    """Pairs of one topic; the probe tells pairs of one topic from others."""
    x, _ = _texts(6)
    x = np.stack([x, _texts(6, seed=2)[0]], axis=1)
    rng = np.random.default_rng(1)
    shift = rng.integers(1, TOPICS, len(x)) * rng.integers(0, 2, len(x))
    other = x[(np.arange(len(x)) + shift) % len(x), 1]
    joined = join_segments(
        jnp.asarray(x[:, 0]), jnp.asarray(other), cls_id=1, sep_id=2, pad_id=0
    )
    ids = {"vocabulary": VOCABULARY, "cls_id": 1, "sep_id": 2}
    case = _cut(
        _reader("bert", depth=2, deviation=0.25), x, (shift == 0) * 1, 2000, **ids
    )

    def rows(begin, end):
        part = {name: np.asarray(ids[begin:end]) for name, ids in joined.items()}
        return part, (shift == 0)[begin:end] * 1

    return case._replace(few=rows(ROWS, ROWS + FEW), test=rows(ROWS + FEW, len(x)))


def _images(steps, network, **options):
    return _cut(network, *_factors(2, (6, 6, 1), 1.0), steps, **options)


def _oriented():
    """Glyphs under noise that looks the same from all four sides."""
    rng = np.random.default_rng(0)
    y = np.arange(ROWS + FEW + TEST) % 4

    def sides(x):
        return sum(np.rot90(x, turns, axes=(1, 2)) for turns in range(4))

    glyphs = rng.normal(size=(4, 6, 6))
    x = (glyphs - sides(glyphs) / 4)[y] + 0.5 * rng.normal(size=(len(y), 6, 6))
    x = x + 2.0 * sides(rng.normal(size=x.shape))
    network = network_by_name("mlp", hidden=(32,))
    return _cut(network, x[..., None].astype(np.float32), y, 300, head=())


def _vit():
    return network_by_name("vit_ti16", patch=2, width=16, depth=1, heads=2)


CASES: dict[str, Any] = {
    "supervised": lambda: _table(classes=4),
    "simclr": _table,
    "masked_features": _table,
    "denoising": lambda: _table(noise="dropout"),
    "rotation": _oriented,
    "masked_autoencoding": lambda: _images(
        600, _vit(), patch=2, ratio=0.5, decoder=(16, 1, 2), norm_pixels=False
    ),
    "masked_tokens": _masked_tokens,
    "causal_tokens": _causal_tokens,
    "next_sentence": _next_sentence,
}
QUICK = ("supervised", "rotation", "simclr", "masked_features")
RATES = {"masked_autoencoding": 1e-2, "masked_tokens": 1e-2, "causal_tokens": 1e-2}


def probe(case, found):
    encode = jax.jit(lambda x: case.network.apply(found.params, found.stats, x)[0])

    def features(x):
        return np.asarray(encode(jax.tree.map(jnp.asarray, x)).features)

    scale = StandardScaler().fit(features(case.few[0]))
    model = LogisticRegression(max_iter=3000)
    model.fit(scale.transform(features(case.few[0])), case.few[1])
    return model.score(scale.transform(features(case.test[0])), case.test[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in PRETRAINING
    ],
)
def test_a_linear_probe_gains(name):
    case, spec = CASES[name](), PRETRAINING[name]
    x, y = case.pool
    data = ArrayData(source=(x, y)) if spec.labelled else ArrayData(target=x)
    rate = RATES.get(name, 3e-3)
    result = fit(
        spec.factory(case.network, learning_rate=rate, **case.options),
        data,
        jax.random.key(0),
        steps=case.steps,
        batch_size=64,
        seeds=SEEDS,
    )
    gains = []
    for seed in range(SEEDS):
        first = jax.tree.map(lambda leaf: jnp.asarray(leaf[:2]), case.few[0])
        blank = Pretrained(*case.network.init(jax.random.key(seed), first))
        gains.append(probe(case, pretrained_from(result, seed)) - probe(case, blank))
    assert np.mean(gains) > MARGIN, gains

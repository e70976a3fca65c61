"""A pool's hash is remembered, the pool is not."""

import gc
import importlib
import weakref

import numpy as np

from da_zoo.scenarios.build import _pool_hash

# The package's attribute of that name is the function.
build_module = importlib.import_module("da_zoo.scenarios.build")


def test_a_pool_is_hashed_once_by_its_content(monkeypatch):
    pool = np.arange(12.0).reshape(3, 4)
    first = _pool_hash(pool)
    assert first == _pool_hash(pool.copy())
    assert first != _pool_hash(pool.reshape(4, 3))
    assert first != _pool_hash(pool.astype(np.float32))

    def again(data):
        raise AssertionError("it was hashed a second time")

    monkeypatch.setattr(build_module.hashlib, "sha256", again)
    assert _pool_hash(pool) == first


def test_a_pool_that_nobody_holds_goes():
    pool = np.zeros(1000)
    alive = weakref.ref(pool)
    _pool_hash(pool)
    del pool
    gc.collect()
    assert alive() is None
    before = len(build_module._HASHES)
    for number in range(200):
        _pool_hash(np.full(1000, float(number)))
    assert len(build_module._HASHES) <= before + 2


def test_an_id_that_is_used_again_has_no_old_hash():
    pool = np.zeros(3)
    old = _pool_hash(pool)
    other = np.ones(3)
    build_module._HASHES[id(other)] = build_module._HASHES.pop(id(pool))
    assert _pool_hash(other) != old

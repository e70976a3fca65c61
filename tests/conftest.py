"""How JAX is set up for the tests, and the fixtures that they share."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Before jax is imported: it reads these once. Two host devices let the sharding
# tests run on any machine; a run on an accelerator names it in JAX_PLATFORMS.
_DEVICES = "--xla_force_host_platform_device_count"
if _DEVICES not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}=2".strip()
# Programs of the tests are run a few times each: compiling them quickly is worth more.
if "optimization_level" not in os.environ["XLA_FLAGS"]:
    os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

import jax  # noqa: E402
import pytest  # noqa: E402

MOST_MAPS = 20_000
"""Linux allows 65 530 a process, and a compiled program takes some 250."""

# Compilation is most of the suite's time, and most programs stay the same between
# two runs of it.
jax.config.update("jax_compilation_cache_dir", str(ROOT / ".pytest_cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
# [n] + [n, 1] is [n, n]: the classic silent mistake in a loss.
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and jax.default_backend() == "cpu":
        pytest.skip("needs an accelerator: JAX_PLATFORMS=cuda pytest -m gpu")


@pytest.fixture(autouse=True, scope="module")
def _bounded_programs() -> Iterator[None]:
    """Lets programs go before Linux ends the process for its memory maps."""
    yield
    from da_zoo.programs import forget_programs  # the type checks' hook comes first

    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        forget_programs()


@pytest.fixture
def key() -> jax.Array:
    """A typed key, the same in every test."""
    return jax.random.key(0)


@pytest.fixture
def x64() -> Iterator[None]:
    """Float64 for the length of the test, as finite differences need it."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real data sets; skips the test where there is none."""
    named = os.environ.get("DA_ZOO_DATA")
    if named:
        if not Path(named).is_dir():
            pytest.fail(f"DA_ZOO_DATA={named!r} is not a folder", pytrace=False)
        return Path(named)
    beside = ROOT.parent / "shared" / "data"
    if not beside.is_dir():
        pytest.skip(f"no real data: DA_ZOO_DATA is not set, and {beside} is absent")
    return beside

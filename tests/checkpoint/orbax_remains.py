"""What Orbax leaves behind a read that failed, and how tests get rid of it.

Reads that were under way when another failed end in a closed loop; pytest would blame
whichever test runs when they are collected.
"""

import gc

import pytest

IGNORED = (
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited"),
)


@pytest.fixture
def swept():
    """Collects them while they are ignored; for tests with these marks."""
    yield
    for _ in range(2):
        gc.collect()

import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.models.tokens import split_text, token_ids


def test_ids_survive_float32_and_are_refused_in_less():
    ids = np.array([[0, 1, 50_256, 2**24]], np.int32)
    assert np.array_equal(token_ids("tokens", jnp.float32(ids)), ids)
    assert token_ids("tokens", jnp.asarray(ids)).dtype == jnp.int32
    with pytest.raises(TypeError, match=r"bfloat16 cannot hold token ids.*int32"):
        token_ids("tokens", jnp.bfloat16(ids))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (jnp.ones((2, 3, 1), int), r"bert tokens must have shape \[n, length\]"),
        (jnp.ones((2, 9), int), "positions for 8 tokens, got 9.*max_length"),
        ({"ids": jnp.ones((2, 3), int)}, r"got the keys \['ids'\]"),
        (
            {"tokens": jnp.ones((2, 3), int), "segments": jnp.ones((2, 4), int)},
            r"segments must have the tokens' shape \(2, 3\)",
        ),
    ],
)
def test_what_is_no_text_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        split_text("bert", x, 8)

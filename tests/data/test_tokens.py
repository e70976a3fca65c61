import subprocess
import sys

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.data import tokens
from da_zoo.data.tokens import (
    SPECIAL_TOKENS,
    encode,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)

pytest.importorskip("tokenizers")

TEXTS = [
    "The inverse of a matrix, if there is one.",
    "Matrices that are symmetric have real eigenvalues!",
    "Draw samples from a normal distribution of a given mean.",
    "A distribution's samples scatter around its mean.",
]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, vocabulary=120)


def test_special_tokens_come_first_and_padding_is_0(tokenizer):
    assert tuple(map(tokenizer.id_to_token, range(5))) == SPECIAL_TOKENS
    assert tokenizer.token_to_id("[PAD]") == 0
    assert 5 < tokenizer.get_vocab_size() <= 120


def test_padding_and_truncation(tokenizer):
    pad, cls, sep = map(tokenizer.token_to_id, ("[PAD]", "[CLS]", "[SEP]"))
    plain = [tokenizer.encode(text).ids for text in TEXTS]
    length = sorted(map(len, plain))[1] + 1  # between the shortest and the longest
    ids = encode(tokenizer, TEXTS, length=length)
    assert ids.dtype == np.int32
    assert ids.shape == (4, length)
    for row, whole in zip(ids, plain, strict=True):
        assert row[0] == cls
        if len(whole) > length:  # its end is cut, and marked as an end
            assert row.tolist() == [*whole[: length - 1], sep]
        else:
            assert row.tolist() == whole + [pad] * (length - len(whole))
    assert (ids == pad).any() and max(map(len, plain)) > length  # both were tested


def test_a_text_does_not_depend_on_its_neighbours(tokenizer):
    ids = encode(tokenizer, TEXTS, length=40)
    for text, row in zip(TEXTS, ids, strict=True):
        np.testing.assert_array_equal(encode(tokenizer, [text], length=40)[0], row)


def test_encoding_leaves_the_tokenizer_as_it_was(tokenizer):
    before = tokenizer.to_str()
    encode(tokenizer, TEXTS, length=5)
    assert tokenizer.to_str() == before
    other = load_tokenizer_from(before)
    other.enable_truncation(3)
    other.enable_padding(pad_id=7, pad_token="x")
    ids = encode(other, TEXTS, length=30)
    np.testing.assert_array_equal(ids, encode(tokenizer, TEXTS, length=30))


def load_tokenizer_from(text):
    return tokens._library().Tokenizer.from_str(text)


def test_case_and_accents_do_not_matter_and_the_unknown_is_known(tokenizer):
    plain, loud = encode(tokenizer, ["a real mean", "A RÉAL \n Mean"], length=12)
    np.testing.assert_array_equal(plain, loud)
    assert tokenizer.token_to_id("[UNK]") in encode(tokenizer, ["語"], length=5)


def test_decoding_gives_the_text_back(tokenizer):
    (row,) = encode(tokenizer, ["a matrix, if real"], length=20)
    assert tokenizer.decode(row.tolist()) == "a matrix, if real"


def test_a_file_gives_the_same_ids(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    save_tokenizer(tokenizer, path)
    again = load_tokenizer(path)
    assert again.to_str() == tokenizer.to_str()
    np.testing.assert_array_equal(
        encode(again, TEXTS, length=20), encode(tokenizer, TEXTS, length=20)
    )


def test_equal_texts_give_an_equal_tokenizer_in_every_process(tokenizer):
    # The library hashes with a key of the process: WordPiece fails here.
    program = (
        "from da_zoo.data.tokens import train_tokenizer; import sys;"
        f"sys.stdout.buffer.write(train_tokenizer({TEXTS!r}, vocabulary=120)"
        ".to_str().encode())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True
    )
    assert told.stdout.decode() == tokenizer.to_str()


@pytest.fixture(scope="module")
def trained(tokenizer):
    """A small encoder, trained on the first two texts against the last two."""
    network = network_by_name(
        "bert",
        vocabulary=tokenizer.get_vocab_size(),
        width=8,
        depth=1,
        heads=2,
        max_length=60,
        dropout=0.0,
    )
    recipe = methods.source_only(
        network, classes=2, optimizer="adam", learning_rate=0.01
    )
    data = ArrayData(source=(encode(tokenizer, TEXTS, length=60), [0, 0, 1, 1]))
    return fit(recipe, data, jax.random.key(0), steps=60, batch_size=4)


def test_ids_are_learned_from(trained, tokenizer):
    # Were they taken for floats or pixels, 255 ids would be one.
    losses = trained.history["source/task_loss"]
    assert losses[-1] < 0.2 < 0.5 < losses[0]
    logits = trained.predict(encode(tokenizer, TEXTS, length=60)).logits["target"]
    assert np.argmax(logits, axis=1).tolist() == [0, 0, 1, 1]


def test_padding_does_not_change_features(trained, tokenizer):
    short = max(len(tokenizer.encode(text).ids) for text in TEXTS)
    assert short < 50
    few, many = (
        trained.predict(encode(tokenizer, TEXTS, length=length)).features
        for length in (short, 60)
    )
    np.testing.assert_allclose(few, many, atol=1e-5)
    # They do tell texts apart.
    assert np.abs(few[0] - few[2]).max() > 0.1


def test_bad_arguments_are_named(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="vocabulary must be over 5"):
        train_tokenizer(TEXTS, vocabulary=5)
    with pytest.raises(TypeError, match="one string"):
        train_tokenizer("a text")
    with pytest.raises(TypeError, match="text 1 is NoneType"):
        train_tokenizer(iter(["a", None]))
    with pytest.raises(ValueError, match="texts is empty"):
        encode(tokenizer, [], length=9)
    with pytest.raises(ValueError, match="length must be over 2, got 2"):
        encode(tokenizer, TEXTS, length=2)
    with pytest.raises(ValueError, match="no token padding='<pad>'"):
        encode(tokenizer, TEXTS, length=9, padding="<pad>")
    with pytest.raises(TypeError, match=r"tokenizers\.Tokenizer, got dict"):
        encode({}, TEXTS, length=9)
    with pytest.raises(ValueError, match=r"none\.json is no file"):
        load_tokenizer(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match=r"bad\.json holds no tokenizer"):
        load_tokenizer(tmp_path / "bad.json")


def test_without_the_library_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install \"da-zoo\[text\]\""):
        train_tokenizer(TEXTS)

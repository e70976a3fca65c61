import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.encoders.base import Encoder
from da_zoo.data.encoders.texts import fit, from_json
from da_zoo.data.tokens import SPECIAL_TOKENS

TEXTS = [
    "The plot is great, really great!",
    "An awful plot.",
    "Great author, awful novel",
    "The kettle leaks",
]
OTHERS = ["A sturdy kettle, great plot plot plot", "xyz", "", "ÄRGER über 42 Löffel"]


def data_of(texts):
    return make_domain_data("a", "text", np.array(texts, object))


@pytest.mark.parametrize("how", ["words", "tokens"])
def test_json_gives_the_same_encoder(how):
    options = {"vocabulary": 60} if how == "tokens" else {"words": 9}
    encoder = fit(data_of(TEXTS), how=how, **options)
    assert isinstance(encoder, Encoder)
    again = from_json(json.loads(json.dumps(encoder.to_json())))
    for texts in (TEXTS, OTHERS[:2]):
        np.testing.assert_array_equal(again.apply(texts), encoder.apply(texts))
        array = np.array(texts, object)
        np.testing.assert_array_equal(encoder.apply(array), encoder.apply(texts))
    assert again.to_json() == encoder.to_json()


@pytest.mark.parametrize("how", ["words", "tokens"])
def test_only_the_rows_given_are_learned_from(how):
    train = np.arange(3)
    encoder = fit(data_of(TEXTS).take(train), how=how)
    poisoned = data_of([*TEXTS[:3], "great kettle poison poison"])
    assert fit(poisoned.take(train), how=how).to_json() == encoder.to_json()
    assert "poison" not in str(encoder.to_json())


def test_words_are_weighted_as_by_the_vectorizer_that_was_fitted():
    encoder = fit(data_of(TEXTS), words=8, longest=2)
    own = TfidfVectorizer(ngram_range=(1, 2), max_features=8, sublinear_tf=True)
    own.fit(TEXTS)
    assert list(encoder.words) == own.get_feature_names_out().tolist()
    found = encoder.apply(OTHERS)
    assert found.dtype == np.float32 and found.shape == (4, 8)
    np.testing.assert_allclose(found, own.transform(OTHERS).toarray(), rtol=1e-6)
    again = own.transform(TEXTS).toarray()  # of common words and rare ones
    np.testing.assert_allclose(encoder.apply(TEXTS), again, rtol=1e-6)
    assert not found[1:].any()
    assert "great" in encoder.words and "really great" not in encoder.words


def test_tokens_are_ids_of_one_length():
    encoder = fit(data_of(TEXTS), how="tokens", vocabulary=50)
    found = encoder.apply(OTHERS)
    assert found.dtype == np.int32 and found.shape == (4, encoder.length)
    assert encoder.length % 8 == 0
    assert found.min() >= 0 and found.max() < encoder.vocabulary <= 50
    assert found[1, 0] == SPECIAL_TOKENS.index("[CLS]") and found[1, -1] == 0
    longest = max(np.count_nonzero(row) for row in encoder.apply(TEXTS))
    assert longest <= encoder.length
    assert fit(data_of(TEXTS), how="tokens", length=5).apply(OTHERS).shape == (4, 5)
    long = data_of(["word " * 3000, "word"])
    assert fit(long, how="tokens", vocabulary=20).length == 256


def test_damaged_json_is_refused():
    words = fit(data_of(TEXTS), words=3).to_json()
    tokens = fit(data_of(TEXTS), how="tokens", vocabulary=40).to_json()
    for told, key, value, message in [
        (words, "how", "letters", "unknown how 'letters'"),
        (words, "how", None, "'how' must be text"),
        (words, "words", ["a", "a", "b"], "'words' holds a text twice"),
        (words, "words", [1, 2, 3], "'words' must be a list of texts"),
        (words, "idf", [1.0], "one for each word"),
        (words, "idf", [1.0, 1.0, -1.0], "above 0"),
        (words, "longest", 0, "'longest' must be a whole number"),
        (tokens, "tokenizer", "{}", "no description of a tokenizer"),
        (tokens, "tokenizer", {}, "'tokenizer' must be text"),
        (tokens, "length", 0, "'length' must be a whole number"),
        (tokens, "length", "8", "'length' must be a whole number"),
    ]:
        with pytest.raises(ValueError, match=message):
            from_json(told | {key: value})
        with pytest.raises(ValueError, match=f"lacks '{key}'"):
            from_json({k: v for k, v in told.items() if k != key})
    bare = json.loads(tokens["tokenizer"])
    bare["added_tokens"] = []
    bare["model"]["vocab"].pop("[PAD]")
    with pytest.raises(ValueError):
        from_json(tokens | {"tokenizer": json.dumps(bare)})
    with pytest.raises(ValueError, match="JSON object"):
        from_json(["words"])


def test_options_belong_to_a_way():
    with pytest.raises(ValueError, match=r"how='words' takes .* got \['length'\]"):
        fit(data_of(TEXTS), length=8)
    with pytest.raises(ValueError, match="unknown how 'letters'"):
        fit(data_of(TEXTS), how="letters")
    with pytest.raises(ValueError, match="words must be at least 1"):
        fit(data_of(TEXTS), words=0)
    with pytest.raises(ValueError, match=r"longest in 1\.\.5"):
        fit(data_of(TEXTS), longest=9)
    with pytest.raises(ValueError, match="no training text has a word"):
        fit(data_of(["?", "a b"]))
    with pytest.raises(ValueError, match="vocabulary must be over 5"):
        fit(data_of(TEXTS), how="tokens", vocabulary=3)
    encoder = fit(data_of(TEXTS))
    with pytest.raises(TypeError, match="text 1 is int"):
        encoder.apply(["a", 3])
    with pytest.raises(TypeError, match="got one string"):
        encoder.apply("a text")

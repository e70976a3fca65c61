"""Token ids of texts, by the ``tokenizers`` library (``pip install da-zoo[text]``)."""

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from da_zoo.whole_files import write_whole

__all__ = [
    "SPECIAL_TOKENS",
    "encode",
    "load_tokenizer",
    "parse_tokenizer",
    "save_tokenizer",
    "train_tokenizer",
]

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""What every trained tokenizer begins with; padding is 0, as the networks expect."""


def _library() -> Any:
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise ImportError(
            'tokens need the tokenizers library: pip install "da-zoo[text]"'
        ) from error


def train_tokenizer(texts: Iterable[str], *, vocabulary: int = 2000) -> Any:
    """Learns a vocabulary of pieces of words from texts.

    Byte-pair encoding of lower-cased text without accents; a piece that begins a word
    has "▁" in front, punctuation is apart. A text becomes ``[CLS] pieces [SEP]``.
    Equal texts give equal tokenizers. (The library's trainer of WordPiece, BERT's own
    scheme, does not: it numbers continuations otherwise in every process.)

    Args:
        texts: to learn from; of the domains that are trained on, never of test rows.
        vocabulary: most tokens, the five special ones included.

    Returns:
        A ``tokenizers.Tokenizer``. How many tokens it has, ``get_vocab_size()``, is
        the encoder's ``vocabulary``.

    Raises:
        TypeError: if ``texts`` is one string.
        ValueError: if there is no text, or no room beside the special tokens.
        ImportError: without the library.

    Example:
        >>> tokenizer = train_tokenizer(["a cat", "a Cat sat"], vocabulary=30)
        >>> tokenizer.encode("A CAT").tokens
        ['[CLS]', '▁a', '▁cat', '[SEP]']

    References:
        Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
        Subword Units", ACL 2016.
    """
    if vocabulary <= len(SPECIAL_TOKENS):
        raise ValueError(
            f"vocabulary must be over {len(SPECIAL_TOKENS)}, the special tokens, got "
            f"{vocabulary}"
        )
    texts = _checked(texts)
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    split = library.pre_tokenizers
    tokenizer.pre_tokenizer = split.Sequence(
        [split.WhitespaceSplit(), split.Metaspace(), split.Punctuation()]
    )
    tokenizer.decoder = library.decoders.Metaspace()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL_TOKENS), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = library.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def encode(
    tokenizer: Any, texts: Sequence[str], *, length: int, padding: str = "[PAD]"
) -> Int[np.ndarray, "n t"]:
    """Turns texts into token ids of one length.

    Args:
        tokenizer: of :func:`train_tokenizer`, or any ``tokenizers.Tokenizer``. What it
            says of padding and truncation itself does not count, and stays.
        texts: n of them.
        length: t, tokens a text: a longer one loses its end, not its ``[SEP]``; a
            shorter one is padded on the right.
        padding: the token that fills up.

    Returns:
        int32 [n, t], 0..vocabulary-1.

    Raises:
        TypeError: if ``tokenizer`` is none, or ``texts`` is one string or holds
            something else.
        ValueError: if there is no text, the length has no room for a token, or the
            tokenizer lacks the padding token.

    Example:
        >>> tokenizer = train_tokenizer(["a cat", "a cat sat"], vocabulary=30)
        >>> encode(tokenizer, ["a cat", "a a a a a"], length=5).shape
        (2, 5)
    """
    library = _library()
    if not isinstance(tokenizer, library.Tokenizer):
        raise TypeError(
            f"tokenizer must be a tokenizers.Tokenizer, got {type(tokenizer).__name__}"
        )
    texts = _checked(texts)
    pad = tokenizer.token_to_id(padding)
    if pad is None:
        raise ValueError(
            f"the tokenizer has no token padding={padding!r}; name the one it pads with"
        )
    special = tokenizer.num_special_tokens_to_add(is_pair=False)
    if length <= special:
        raise ValueError(f"length must be over {special}, got {length}")
    # A copy, because the library keeps truncation and padding inside the tokenizer.
    own = library.Tokenizer.from_str(tokenizer.to_str())
    own.enable_truncation(length)
    own.enable_padding(pad_id=pad, pad_token=padding, length=length)
    return np.array([e.ids for e in own.encode_batch(texts)], np.int32)


def save_tokenizer(tokenizer: Any, path: str | Path) -> None:
    """Writes a tokenizer as the library's JSON.

    Args:
        tokenizer: of :func:`train_tokenizer`.
        path: of the file, ``tokenizer.json`` by custom.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "tokenizer.json"
        >>> save_tokenizer(train_tokenizer(["a cat"], vocabulary=20), path)
        >>> load_tokenizer(path).encode("a cat").tokens
        ['[CLS]', '▁a', '▁cat', '[SEP]']
    """
    write_whole(path, tokenizer.to_str(pretty=True))


def load_tokenizer(path: str | Path) -> Any:
    """Reads a tokenizer's JSON, ours or a published model's ``tokenizer.json``.

    Args:
        path: of the file.

    Raises:
        ValueError: if it is missing or holds no tokenizer.
        ImportError: without the library.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    try:
        return parse_tokenizer(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} holds no tokenizer: {error}") from None


def parse_tokenizer(told: str) -> Any:
    """Reads a tokenizer from the text of its JSON.

    Args:
        told: as :func:`save_tokenizer` writes it.

    Raises:
        ValueError: if it describes no tokenizer.
        ImportError: without the library.

    Example:
        >>> told = train_tokenizer(["a cat"], vocabulary=20).to_str()
        >>> parse_tokenizer(told).encode("cat").tokens
        ['[CLS]', '▁cat', '[SEP]']
    """
    library = _library()
    try:
        return library.Tokenizer.from_str(told)
    except Exception as error:  # the library raises Exception itself
        raise ValueError(f"no description of a tokenizer: {error}") from None


def _checked(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, got one string")
    found = list(texts)
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(
                f"texts must be strings, text {place} is {type(text).__name__}"
            )
    if not found:
        raise ValueError("texts is empty; give at least one")
    return found

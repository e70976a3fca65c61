"""Does adaptation help on text? Topics of numpy's docstrings, then scipy's.

``python benchmarks/text_case.py`` reads paragraphs of docstrings, which every machine
with these libraries has: numpy's with their topic are the source, scipy's without it
the target. ``--source a.csv --target b.csv --text text --label label`` takes tables of
your own (the target's labels are for its test half and the few-label runs only).

A small BERT starts at random or from masked tokens of both domains' training texts; it
is trained on the source alone, by adaptation methods, or on a few labelled target rows.
Test texts are of other functions than the training texts. Prints a Markdown table; the
runs differ by seed in weights, batches and few labels, not in texts or pre-training.
"""

import argparse
import inspect
import re
import sys
import time
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.fft
import scipy.linalg
import scipy.special
import scipy.stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from da_zoo import (
    ArrayData,
    FitResult,
    Network,
    Recipe,
    fit,
    network_by_name,
    start_from,
)
from da_zoo.bench.statistics import mean_interval, paired_difference
from da_zoo.data.streams import Stream, make_stream
from da_zoo.data.text import read_texts
from da_zoo.data.tokens import SPECIAL_TOKENS, encode, train_tokenizer
from da_zoo.finetune import presets
from da_zoo.methods import METHODS
from da_zoo.methods.pretraining import masked_tokens, pretrained_from
from da_zoo.registry import build_recipe

TOPICS: dict[str, tuple[Any, Any]] = {
    "linear algebra": (np.linalg, scipy.linalg),
    "Fourier": (np.fft, scipy.fft),
    "random variables": (np.random.Generator, scipy.stats),
    "functions": (np, scipy.special),  # of one number: numpy's are its ufuncs
}
GIVEAWAYS = re.compile(
    r"\w*(?:linalg|linear|algebra|matri|fft|fourier|random|distribut|stats|special"
    r"|ufunc|element-?wise)\w*",
    re.IGNORECASE,
)
"""Words that name a topic, or nearly do."""
EACH = 300
"""Paragraphs of a topic and library, at most."""
LENGTH, BATCH, VOCABULARY = 32, 32, 1000
SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "schedule": "cosine",
    "learning_rate": 3e-3,  # of 1e-3, 3e-3, 1e-2, by held-out source rows
}
ADAPTERS = ("dann", "mcc")
SPLIT = 0
"""Seed of paragraphs and halves: the same for all runs, so that they share programs."""
Scores = dict[tuple[str, str], np.ndarray]


class Domain(NamedTuple):
    """Texts, their classes, and what must not be split (a function's paragraphs)."""

    texts: list[str]
    labels: np.ndarray
    group: np.ndarray


class Task(NamedTuple):
    """Token ids."""

    source: tuple[np.ndarray, np.ndarray]
    train: tuple[np.ndarray, np.ndarray]
    """Of the target; the labels are for few-label runs."""
    test: tuple[np.ndarray, np.ndarray]
    classes: int
    vocabulary: int


def paragraphs(documented: str) -> Iterator[str]:
    """Prose of a docstring: no code, no headings, at least eight words."""
    for block in re.split(r"\n\s*\n", documented):
        lines = [line.strip() for line in block.splitlines()]
        text = " ".join(line for line in lines if not set(line) <= set("-=~"))
        if ">>>" not in text and len(re.findall(r"[A-Za-z]{2,}", text)) >= 8:
            yield text


def docstrings(library: int, *, giveaways: bool) -> Domain:
    """Paragraphs of numpy's (0) or scipy's (1) docstrings, each once."""
    rng = np.random.default_rng(SPLIT)
    texts, labels, group = [], [], []
    seen: set[str] = set()
    for number, owners in enumerate(TOPICS.values()):
        owner, own = owners[library], []
        for name in sorted(dir(owner)):
            value = getattr(owner, name)
            module = isinstance(value, types.ModuleType)
            if name.startswith("_") or module or not callable(value):
                continue
            if owner is np and not isinstance(value, np.ufunc):
                continue
            for text in paragraphs(inspect.getdoc(value) or ""):
                if text not in seen:
                    own.append((text, name))
                seen.add(text)
        for i in rng.permutation(len(own))[:EACH]:
            text, name = own[i]
            texts.append(text if giveaways else GIVEAWAYS.sub(" ", text))
            labels.append(number)
            group.append(name)
    return Domain(texts, np.array(labels, np.int32), np.array(group))


def tables(source: str, target: str, text: str, label: str) -> tuple[Domain, Domain]:
    """Reads both domains from CSV files or folders; every text is its own group."""
    first = read_texts(source, text=text, label=label)
    second = read_texts(target, text=text, label=label, classes=first.classes)
    one, two = (
        Domain(found.texts, np.asarray(found.labels), np.arange(len(found.texts)))
        for found in (first, second)
    )
    return one, two


def halves(target: Domain) -> tuple[list[str], list[str], np.ndarray]:
    """Training and test texts of the target, and which rows are the latter."""
    groups = np.random.default_rng(SPLIT).permutation(np.unique(target.group))
    testing = np.isin(target.group, groups[: len(groups) // 2])
    train = [t for t, test in zip(target.texts, testing, strict=True) if not test]
    test = [t for t, test in zip(target.texts, testing, strict=True) if test]
    return train, test, testing


def linear_baseline(source: Domain, target: Domain) -> str:
    """Logistic regression on weighted word counts, from either domain's labels."""
    train, test, testing = halves(target)
    told = []
    for name, texts, labels in (
        ("source", source.texts, source.labels),
        ("target training", train, target.labels[~testing]),
    ):
        model = make_pipeline(
            TfidfVectorizer(sublinear_tf=True, min_df=2),
            LogisticRegression(C=10.0, max_iter=2000, class_weight="balanced"),
        )
        score = model.fit(texts, labels).score(test, target.labels[testing])
        told.append(f"{100 * score:.1f} % with the {name} labels")
    return f"Bag of words, logistic regression: {', '.join(told)}.\n"


def task_of(source: Domain, target: Domain) -> Task:
    """Splits the target in halves and tokenises; test texts teach nobody."""
    train, test, testing = halves(target)
    tokenizer = train_tokenizer([*source.texts, *train], vocabulary=VOCABULARY)
    ids = [encode(tokenizer, texts, length=LENGTH) for texts in (source.texts, train)]
    return Task(
        (ids[0], source.labels),
        (ids[1], target.labels[~testing]),
        (encode(tokenizer, test, length=LENGTH), target.labels[testing]),
        int(source.labels.max()) + 1,
        tokenizer.get_vocab_size(),
    )


def accuracy(result: FitResult, task: Task) -> np.ndarray:
    """Accuracy on the target's test rows in percent, one for each seed."""
    logits = result.predict(task.test[0]).logits["target"]
    return 100 * (np.argmax(logits, axis=-1) == task.test[1]).mean(axis=-1)


def few_labels(task: Task, each: int, seeds: int) -> Stream:
    """A stream of ``each`` labelled target rows a class, drawn anew for every seed."""
    x, y = task.train
    rows = []
    for seed in range(seeds):
        order = np.random.default_rng([seed, 0x1ABE1]).permutation(len(y))
        drawn = [order[y[order] == c][:each] for c in range(task.classes)]
        rows.append(np.sort(np.concatenate(drawn)))
    chosen = np.stack(rows).astype(np.int32)
    count = np.full(seeds, chosen.shape[1])
    return make_stream(x, y)._replace(rows=chosen, labels=y[chosen], count=count)


def pretrained_network(network: Network, task: Task, steps: int) -> Network:
    """Masked tokens of both domains' training texts; no labels."""
    recipe = masked_tokens(
        network,
        vocabulary=task.vocabulary,
        mask_id=SPECIAL_TOKENS.index("[MASK]"),
        special_ids=(1, 2, 3),
        learning_rate=3e-3,
    )
    texts = np.concatenate([task.source[0], task.train[0]])
    data = ArrayData(target=texts)
    result = fit(
        recipe, data, jax.random.key(1000), steps=steps, batch_size=BATCH, name="masked"
    )
    return start_from(network, pretrained_from(result))


def measure(task: Task, steps: int, pretraining: int, each: int, seeds: int) -> Scores:
    """Trains everything; (start, method) -> accuracy [seeds] in percent."""
    network = network_by_name(
        "bert",
        vocabulary=task.vocabulary,
        width=32,
        depth=1,
        heads=4,
        max_length=LENGTH,
    )
    starts = {"scratch": network}
    if pretraining:
        starts["masked tokens"] = pretrained_network(network, task, pretraining)
    unlabelled = ArrayData(source=task.source, target=task.train[0])
    few = few_labels(task, each, seeds)
    some = ArrayData(source=task.source, target_labelled=few)
    full = presets.full().recipe
    found: Scores = {}
    for start, own in starts.items():
        jobs: dict[str, tuple[Recipe, ArrayData]] = {
            name: (
                build_recipe(METHODS[name], own, classes=task.classes, **SETTINGS),
                unlabelled,
            )
            for name in ("source_only", *ADAPTERS)
        }
        jobs["few labels alone"] = (
            full(own, classes=task.classes, source_share=0.0, **SETTINGS),
            ArrayData(target_labelled=few),
        )
        jobs["source, then few labels"] = (
            full(own, classes=task.classes, **SETTINGS),
            some,
        )
        jobs["all labels alone"] = (
            full(own, classes=task.classes, source_share=0.0, **SETTINGS),
            ArrayData(target_labelled=task.train),
        )
        for name, (recipe, data) in jobs.items():
            began = time.perf_counter()
            result = fit(
                recipe,
                data,
                jax.random.key(0),
                steps=steps,
                batch_size=BATCH,
                seeds=seeds,
                name=name,
            )
            found[start, name] = accuracy(result, task)
            took = time.perf_counter() - began
            print(
                f"{start}, {name}: {found[start, name].mean():.1f} ({took:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
    return found


def table(found: Scores) -> str:
    """Mean accuracy and paired differences with their 95 % intervals."""
    lines = [
        "| start | training | accuracy | against | difference |",
        "|---|---|--:|---|--:|",
    ]
    for (start, name), values in found.items():
        rivals = []
        if name in ADAPTERS:
            rivals.append((start, "source_only"))
        if name == "source, then few labels":
            rivals.append((start, "few labels alone"))
        if start != "scratch":
            rivals.append(("scratch", name))
        cells = []
        for rival in rivals or [None]:
            if rival is None:
                cells.append("| | |")
                continue
            gap = paired_difference(values, found[rival])
            told = f"{gap.mean:+.1f}"
            if gap.low is not None:
                told += f" [{gap.low:+.1f}, {gap.high:+.1f}]"
            other = rival[1] if rival[0] == start else "scratch"
            cells.append(f"| {other} | {told} |")
        mean = mean_interval(values).mean
        for i, cell in enumerate(cells):
            head = f"| {start} | {name} | {mean:.1f} " if i == 0 else "| | | "
            lines.append(head + cell)
    return "\n".join(lines)


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", help="CSV file or folder/class/*.txt")
    parser.add_argument("--target", help="the same, of the other domain")
    parser.add_argument("--text", default="text", help="column of texts")
    parser.add_argument("--label", default="label", help="column of classes")
    parser.add_argument("--giveaways", action="store_true", help="keep topics' names")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--pretraining", type=int, default=600, help="steps; 0: none")
    parser.add_argument("--few", type=int, default=5, help="labelled rows a class")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    if bool(given.source) != bool(given.target):
        parser.error("--source and --target go together")
    if given.source:
        domains = tables(given.source, given.target, given.text, given.label)
    else:
        one, two = (
            docstrings(library, giveaways=given.giveaways) for library in (0, 1)
        )
        domains = (one, two)
    task = task_of(*domains)
    print(
        f"{len(task.source[0])} source, {len(task.train[0])} + {len(task.test[0])} "
        f"target texts, {task.classes} classes, {task.vocabulary} tokens; the largest "
        f"class is {100 * np.bincount(task.test[1]).max() / len(task.test[1]):.1f} % "
        "of the test texts\n"
    )
    print(linear_baseline(*domains))
    found = measure(task, given.steps, given.pretraining, given.few, given.seeds)
    print(table(found))


if __name__ == "__main__":
    main()

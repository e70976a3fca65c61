"""What a suite file may declare, and what is wrong with what it may not."""

import dataclasses

import pytest

from da_zoo.scenarios import load_suite
from da_zoo.scenarios.declare import declare
from da_zoo.scenarios.declared import DeclaredDomain, DeclaredTask
from tests.scenarios.files import SUITE, write_suite


def test_pairs_are_every_ordered_pair(tmp_path):
    suite = load_suite(write_suite(tmp_path))
    assert [s.name for s in suite.scenarios] == ["north_to_south", "south_to_north"]
    assert {s.case for s in suite.scenarios} == {3}
    assert suite.needs_data
    assert suite.width == 2
    assert suite.origin == "mine.toml"
    first = suite.scenarios[0]
    assert isinstance(first.source.domain, DeclaredDomain)
    assert isinstance(first.target.task, DeclaredTask)
    assert dict(first.source.domain.reading) == {"label": "sick"}
    assert first.source.domain.test == 0.25
    assert hash(first) == hash(load_suite(tmp_path / "mine.toml").scenarios[0])
    assert dataclasses.asdict(first)["source"]["domain"]["file"] == "north.csv"


def test_keys_of_rows_do_not_hold_where_files_lie(tmp_path):
    told = load_suite(write_suite(tmp_path)).scenarios[0].described()
    assert str(tmp_path) not in str(told)
    assert "north.csv" not in str(told)
    assert told["source"]["domain"]["pool"] == "north"


def test_the_four_cases_are_computed(tmp_path):
    text = SUITE.split("[[pairs]]")[0] + '[tasks.other]\nclasses = ["no", "yes"]\n'
    for source, target in (("north", "north"), ("north", "south")):
        for task in ("disease", "other"):
            text += (
                f'[[scenarios]]\nname = "{source}_{target}_{task}"\n'
                f'source = {{ domain = "{source}", task = "disease" }}\n'
                f'target = {{ domain = "{target}", task = "{task}" }}\n'
            )
    suite = load_suite(write_suite(tmp_path, text))
    assert [s.case for s in suite.scenarios] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[every_domain]", "[every_domian]", "did you mean 'every_domain'"),
        ('label = "sick"', 'lable = "sick"', "did you mean 'label'"),
        ('file = "north.csv"', 'fiel = "north.csv"', "did you mean 'file'"),
        ('file = "north.csv"', "file = 3", r"\[domains.north\] .* needs file"),
        ("test = 0.25", "tset = 0.25", "did you mean 'test'"),
        ("test = 0.25", "test = 25", r"share of the rows in \(0, 1\)"),
        ("test = 0.25", "test = true", r"share of the rows in \(0, 1\)"),
        ("test = 0.25", 'test = "their"', '"own" for the set'),
        ("validation = 0.15", "validation = 0.8", "leave no rows"),
        ('classes = ["no", "yes"]', 'metrik = "accuracy"', "did you mean 'metric'"),
        ('classes = ["no", "yes"]', 'metric = "acuracy"', "did you mean 'accuracy'"),
        ('classes = ["no", "yes"]', 'classes = ["no", "no"]', "holds a name twice"),
        ('classes = ["no", "yes"]', 'classes = ["no"]', "two classes at least"),
        ('classes = ["no", "yes"]', 'classes = "no"', "must be a list of names"),
        ('classes = ["no", "yes"]', "threshold = 3", "two classes of values"),
        (
            'classes = ["no", "yes"]',
            "continuous = true\nclasses = [1, 2]",
            "values have no classes",
        ),
        (
            'classes = ["no", "yes"]',
            'merge = { a = ["x"], b = ["x"] }',
            r"\['x'\] in two classes",
        ),
        ('"north", "south"', '"north", "suoth"', "did you mean 'south'"),
        ('"north", "south"', '"north"', "at least two different names"),
        ("[[pairs]]", "[[pears]]", "did you mean 'pairs'"),
    ],
)
def test_mistakes_are_named_with_what_was_meant(tmp_path, old, new, message):
    assert old in SUITE
    path = write_suite(tmp_path, SUITE.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load_suite(path)


def test_sides_are_declared_or_known_but_not_mixed(tmp_path):
    mixed = SUITE + (
        '[[scenarios]]\nname = "mixed"\n'
        'source = { domain = "north", task = "disease" }\n'
        'target = { pool = "digits8", task = "digit" }\n'
    )
    with pytest.raises(ValueError, match="declare both"):
        load_suite(write_suite(tmp_path, mixed))
    one = (
        SUITE
        + '[tasks.two]\n[[scenarios]]\nname = "x"\nsource = { domain = "north" }\n'
        + 'target = { domain = "north", task = "two" }\n'
    )
    with pytest.raises(ValueError, match="needs task"):
        load_suite(write_suite(tmp_path, one))


def test_options_of_readers_pass_through_and_are_hashable():
    told = {
        "domains": {"a": {"file": "a.csv", "options": {"length": 4, "drop": ["b"]}}}
    }
    domain = declare(told, "x.toml").domains["a"]
    assert dict(domain.reading) == {"length": 4, "drop": ("b",)}
    hash(domain)
    with pytest.raises(ValueError, match="beside its options and in them"):
        told["domains"]["a"]["drop"] = ["c"]
        declare(told, "x.toml")

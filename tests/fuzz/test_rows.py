"""Row files from anywhere: a bad line costs that line, never the folder."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from da_zoo.bench import render
from da_zoo.bench.rows import row_flaw
from da_zoo.bench.selection_file import load_selection
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from tests.bench.fake_rows import make_row
from tests.bench.rich_rows import enrich, selection
from tests.fuzz.clean import (
    VALUES,
    answer,
    damaged,
    deep,
    edited,
    folder,
    fuzz,
    untouched,
)

EXAMPLES = 600

GROUPS = [
    [
        enrich(make_row(method=method, seed=seed, scenario=scenario, accuracy=accuracy))
        | {"group_rows": 2}
        for seed in range(2)
    ]
    for scenario in ("s1", "s2")
    for method, accuracy in (("source_only", 0.5), ("dann", 0.7))
]
ROWS = [row for group in GROUPS for row in group]
SMALL = [{k: v for k, v in r.items() if k not in ("embedding", "curve")} for r in ROWS]
ODD_LINES = (
    b"",
    b"\xff\xfe",
    b"{",
    b"NaN",
    b'{"schema_version": NaN}',
    deep(100_000).encode(),
    deep(300, '{"a":', "}").replace('a":}', 'a": 1}').encode(),
    b"[" * 5000,
    b'{"seed": ' + b"9" * 5000 + b"}",
    json.dumps(ROWS[0])[:-20].encode(),
    json.dumps(ROWS[0] | {"network": json.loads(deep(400))}).encode(),
    json.dumps(ROWS[0]).replace("0.5", "1e999", 1).encode(),
    (json.dumps(ROWS[0])[:-1] + ', "seed": "twice"}').encode(),
    b'"' + b"x" * 10**6 + b'"',
)


@st.composite
def lines(draw):
    kind = draw(st.sampled_from(["as is", "edited", "edited", "any", "odd", "bytes"]))
    if kind == "as is":
        return json.dumps(draw(st.sampled_from(ROWS))).encode()
    if kind == "edited":
        row = draw(st.sampled_from(SMALL + ROWS[:1]))
        return json.dumps(draw(edited(row))).encode()
    if kind == "any":
        return json.dumps(draw(VALUES)).encode()
    if kind == "odd":
        return draw(st.sampled_from(ODD_LINES))
    return draw(damaged(json.dumps(draw(st.sampled_from(SMALL))).encode()))


@st.composite
def row_files(draw):
    """Good groups, with anything between them."""
    parts = [json.dumps(row).encode() for row in ROWS]
    for _ in range(draw(st.integers(1, 12))):
        parts.insert(draw(st.integers(0, len(parts))), draw(lines()))
    return b"\n".join(parts) + draw(st.sampled_from([b"\n", b"", b"\r\n", b"\n\0"]))


def store_of(root: Path, content: bytes) -> RowStore:
    store = RowStore.open(root / "results")
    store.rows_path.write_bytes(content)
    return store


@fuzz(400)
@given(row_files())
def test_reading(content):
    with folder() as name:
        store = store_of(name, content)
        with untouched(name):
            found, error = answer(store.read)
        assert error is None
        rows, problems = found
        assert not any(map(row_flaw, rows))
        assert len(rows) + len(problems) <= content.count(b"\n") + 1
        json.dumps(rows, allow_nan=True, ensure_ascii=False).encode()


@fuzz(40)
@given(row_files())
def test_report_status_merge_and_export(content):
    with folder() as name:
        store = store_of(name, content)
        here = str(store.folder)
        with untouched(store.folder):
            for words in (
                ("status", here),
                ("export", here, f"{name}/rows.csv"),
                ("export", here, f"{name}/rows.parquet"),
            ):
                assert answer(lambda words=words: main(words)) == (0, None), words
        (board, page, _), error = answer(lambda: render(here))
        assert error is None
        assert {r["group"] for r in board.rows} >= {r["group"] for r in ROWS[:1]}
        json.loads((store.folder / "leaderboard.json").read_text())
        assert page.read_text().rstrip().endswith("</html>")
        assert answer(lambda: main(("merge", f"{name}/all", here))) == (0, None)
        rows = RowStore.open(f"{name}/all", create=False).read()
        assert rows[1] == []


@fuzz(100)
@given(
    st.one_of(
        edited(selection()).map(lambda v: json.dumps(v).encode()),
        VALUES.map(lambda v: json.dumps(v).encode()),
        damaged(json.dumps(selection()).encode()),
        st.sampled_from([deep(100_000).encode(), b"", b"\xff", b"[" * 10**6]),
    )
)
def test_selection(content):
    with folder() as name:
        store = store_of(name, b"")
        store.rows_path.write_text("".join(json.dumps(r) + "\n" for r in SMALL[:4]))
        (store.folder / "selection.json").write_bytes(content)
        with untouched(store.folder):
            found, error = answer(lambda: load_selection(store.folder))
        assert error is None and (found[0] is None) == bool(found[1])
        if found[0] is not None:
            (_, page, _), error = answer(lambda: render(store.folder))
            assert error is None
            assert page.read_text().rstrip().endswith("</html>")


@fuzz(60)
@given(
    st.one_of(
        edited({"marker": "da_zoo benchmark", "schema_version": 1}, 2).map(json.dumps),
        VALUES.map(json.dumps),
        st.sampled_from([deep(100_000), "", "[" * 9999, '{"marker": NaN}']),
    ).map(str.encode)
    | damaged(b'{"marker": "da_zoo benchmark", "schema_version": 1}\n')
)
def test_manifest(content):
    with folder() as name:
        store = store_of(name, b"")
        (store.folder / "manifest.json").write_bytes(content)
        for create in (False, True):
            with untouched(store.folder):
                opened, error = answer(
                    lambda create=create: RowStore.open(store.folder, create=create),
                    "manifest.json",
                    str(store.folder),
                )
            assert opened is None or error is None

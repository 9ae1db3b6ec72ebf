"""Broken corpora and parameters: prepare ends well, or with one line, and what it writes is whole or absent.

FUZZ_CASES=20000 pytest tests/fuzz/test_corpora.py -rP
"""

import csv
import io
import json
import shutil
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from src.core import config
from src.core.records import SPLITS, read_examples
from src.core.user_errors import UserError
from src.corpora import corpus_file
from src.stages import prepare
from tests.corpora.conftest import SmallCorpus
from tests.fuzz.conftest import ENCODINGS, Outcomes, broken_bytes, broken_value, share, texts, values
from tests.project import ROOT

Files = dict[str, bytes]
Table = list[dict[str, Any]]
WORDS = ["הקרח", "נשבר", "אתמול", "בערב", "כשהוא", "סיפר", "בדיחה", "טובה", "על", "הגדר", "והברז"]


def rows() -> Table:
    """Sixty rows with a text, a pair, a label, a group, a span, words and answers."""
    found = []
    for number in range(60):
        text = f"{number} {WORDS[number % 9]} {WORDS[number % 10]} café."
        found.append(
            {
                "id": str(number), "text": text, "pair": f"{text} {number}", "label": ("no", "yes")[number % 2],
                "group": f"g{number % 5}", "split": "train" if number % 5 else "test", "start": "0", "end": "2",
                "span": text[0:2], "kind": "X", "words": text.split(), "tags": ["B-X", "O", "O", "O"],
                "answers": [[0, 2]],
            }
        )  # fmt: skip
    return found


COLUMNS: dict[str, dict[str, str]] = {
    "offsets": {"text": "text", "start": "start", "end": "end", "span": "span", "span_label": "kind"},
    "words": {"text": "text", "tokens": "words", "tags": "tags"},
    "pairs": {"text": "text", "text_pair": "pair", "answers": "answers"},
}
BASIC = {"id": "id", "label": "label", "group": "group", "split": "split"}
META: dict[str, Any] = {
    "description": "d", "language": "he", "licence": "none", "labels": ["no", "yes"], "fetch": "fetch it",
    "rename": {}, "drop": [], "splits": {}, "unseen_groups": [], "expected": {},
}  # fmt: skip


def as_csv(table: Table, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    header = list(dict.fromkeys(key for row in table for key in row)) or ["id"]
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", escapechar="\\")
    writer.writerow(header)
    writer.writerows([[_cell(row.get(key)) for key in header] for row in table])
    return text.getvalue().encode("utf-8", "surrogatepass")


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def as_jsonl(table: Table) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table).encode()


def idioms() -> Table:
    return SmallCorpus(Path()).rows  # type: ignore[return-value]


def squad(table: Table) -> dict[str, Any]:
    questions = [
        {"id": row["id"], "question": f"{row['text']}?", "is_impossible": False,
         "answers": [{"text": row["pair"][0:2], "answer_start": 0}]} for row in table
    ]  # fmt: skip
    return {"data": [
        {"title": row["group"], "paragraphs": [{"context": row["pair"], "qas": [question]}]}
        for row, question in zip(table, questions, strict=True)
    ]}  # fmt: skip


@st.composite
def corpora(draw: st.DrawFn) -> tuple[dict[str, Any], Files]:
    """The corpus.yaml and the files of a corpus that is broken in one to three places."""
    reader = draw(st.sampled_from(["csv", "csv", "jsonl", "jsonl", "idioms", "squad", "criteria"]))
    meta = deepcopy(META) | {"reader": reader}
    where = draw(st.lists(st.sampled_from(["cell"] * 6 + ["bytes", "yaml", "columns"]), min_size=1, max_size=3))
    table = idioms() if reader == "idioms" else rows()
    structure: Any = None
    if reader in ("csv", "jsonl"):
        meta["columns"] = BASIC | COLUMNS[draw(st.sampled_from(sorted(COLUMNS)))]
        delimiters = [",", ";", "\t", "|", "א"] if draw(st.integers(0, 9)) < 9 else [" ", '"', "\n", "\r", "\x00", "é"]
        if reader == "csv" or draw(st.integers(0, 9)) == 9:  # jsonl refuses them
            meta["delimiter"] = draw(st.sampled_from(delimiters))
            meta["quoting"] = draw(st.sampled_from([True, True, False]))
        if draw(st.integers(0, 9)) == 9:
            meta["encoding"] = draw(st.sampled_from(ENCODINGS))
    elif reader == "idioms":
        meta |= {"labels": ["Literal", "Figurative"], "unseen_groups": ["סגר מעגל"], "canonical_idioms": "group"}
    elif reader == "criteria":
        table = [{"post_id": row["id"], "criterion": "c", "status": str(i % 2), "start": "0" if i % 2 else "",
                  "end": "2" if i % 2 else "", "evidence": ""} for i, row in enumerate(table)]  # fmt: skip
        meta |= {"labels": ["0", "1"], "inseparable": "group"}
        structure = {"c": "a criterion"}
    elif reader == "squad":
        meta |= {"labels": [], "inseparable": "text_pair"}
        structure = squad(table)
    for kind in where:
        if kind == "cell" and reader != "squad":
            row = table[draw(st.integers(0, len(table) - 1))]
            row[draw(st.sampled_from(sorted(row)))] = draw(texts if reader != "jsonl" else values)
        elif kind == "columns" and reader != "squad":
            name = draw(st.sampled_from(sorted(table[0])))
            other = draw(texts)
            table = [{(other if key == name else key): value for key, value in row.items()} for row in table]
        elif kind == "yaml":
            meta = draw(broken_value(meta))
        elif structure is not None and draw(st.booleans()):
            structure = draw(broken_value(structure))
    if reader == "criteria":
        posts = [{"post_id": row["id"], "text": row["pair"]} for row in rows()]
        if draw(st.booleans()):
            posts[0][draw(st.sampled_from(["post_id", "text"]))] = draw(texts)
        files = {"a.csv": as_csv(table), "posts.csv": as_csv(posts), "criteria.json": json.dumps(structure).encode()}
    elif reader == "squad":
        files = {"a.csv": json.dumps(structure).encode()}
    elif reader == "jsonl":
        files = {"a.csv": as_jsonl(table)}
    else:
        delimiter = meta.get("delimiter", ",")
        fits = isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\n\r\x00'
        files = {"a.csv": as_csv(table, delimiter if fits else ",")}
    if "bytes" in where:
        name = draw(st.sampled_from(sorted(files)))
        files[name] = draw(broken_bytes(files[name]))
    if draw(st.integers(0, 19)) < 19:
        meta.setdefault("files", ["a.csv"])
    else:
        meta["files"] = draw(
            st.sampled_from([[], ["a.csv", "a.csv"], ["../a.csv"], ["/a.csv"], ["b.csv"], ["."], [""]])
        )
    return meta, files


PREPARE: list[dict[str, Any]] = [
    {}, {"split": "fresh"}, {"split": "fresh", "folds": 3, "fold": 1}, {"split": "fresh", "group_by": "group"},
    {"split": "fresh", "folds": 2, "fold": 0, "group_by": "group"}, {"max_samples": 7}, {"group_column": "label"},
]  # fmt: skip


def dump(value: Any, path: Path) -> None:
    text = io.StringIO()
    YAML().dump(value, text)
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def test_a_broken_corpus_is_prepared_or_refused_in_one_line(folder: Path) -> None:
    outcomes = Outcomes("corpora")
    shipped = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")

    @share(0.4)
    @given(corpora(), st.sampled_from(PREPARE))
    def check(corpus: tuple[dict[str, Any], Files], changes: dict[str, Any]) -> None:
        meta, files = corpus
        raw = folder / "raw" / "fuzzed"
        shutil.rmtree(folder / "raw", ignore_errors=True)
        raw.mkdir(parents=True)
        for name, content in files.items():
            (raw / name).write_bytes(content)
        dump(meta, raw / "corpus.yaml")
        dump(shipped | {"prepare": shipped["prepare"] | changes}, folder / "params.yaml")
        out, statistics = folder / "out", folder / "data.json"
        shutil.rmtree(out, ignore_errors=True)
        statistics.unlink(missing_ok=True)
        line = outcomes.call(
            prepare.main, f"--params={folder / 'params.yaml'}", f"--corpus={raw}", f"--out={out}",
            f"--statistics={statistics}",
        )  # fmt: skip
        if line is None:
            assert [read_examples(out / f"{name}.jsonl") for name in SPLITS]
            json.loads(statistics.read_text())
        else:
            assert not out.exists()
            assert not statistics.exists()
            assert any(word in line for word in ("fuzzed", "prepare.", "split", "unseen group", "unknown reader")), line
        assert {path.name for path in folder.iterdir()} <= {"raw", "out", "data.json", "params.yaml"}

    check()
    outcomes.tell()


def test_broken_parameters_are_legal_or_refused_in_one_line(folder: Path) -> None:
    outcomes = Outcomes("params.yaml")

    @share(0.15)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        path = folder / "broken.yaml"
        if data.draw(st.booleans()):
            dump(data.draw(broken_value(YAML(typ="safe", pure=True).load(ROOT / "params.yaml"))), path)
        else:
            path.write_bytes(data.draw(broken_bytes((ROOT / "params.yaml").read_bytes())))
        line = outcomes.call(partial(config.load, path))
        assert line is None or "broken.yaml" in line

    check()
    outcomes.tell()


def test_a_broken_corpus_yaml_is_legal_or_refused_in_one_line(folder: Path) -> None:
    outcomes = Outcomes("corpus.yaml")
    shipped = sorted((ROOT / "data/raw").glob("*/corpus.yaml"))

    @share(0.1)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(shipped))
        path = folder / "meta" / "corpus.yaml"
        path.parent.mkdir(exist_ok=True)
        if data.draw(st.booleans()):
            dump(data.draw(broken_value(YAML(typ="safe", pure=True).load(source))), path)
        else:
            path.write_bytes(data.draw(broken_bytes(source.read_bytes())))
        line = outcomes.call(partial(corpus_file.load, path.parent))
        assert line is None or "corpus.yaml" in line

    check()
    outcomes.tell()
    shutil.rmtree(folder / "meta")


@pytest.mark.parametrize(
    "name", ["../secret.csv", "/etc/passwd", "a/../../secret.csv", "..", "./../secret.csv", "a\\..\\b", "~/.ssh/id"]
)
@pytest.mark.parametrize("key", ["files", "canonical_idioms"])
def test_a_corpus_names_no_file_outside_its_folder(key: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("text\nsecret\n")
    (tmp_path / "c").mkdir()
    meta = META | {
        "reader": "csv",
        "columns": {"text": "text"},
        "files": ["a.csv"],
        key: [name] if key == "files" else name,
    }
    dump(meta, tmp_path / "c" / "corpus.yaml")
    with pytest.raises(UserError, match=key):
        corpus_file.load(tmp_path / "c")

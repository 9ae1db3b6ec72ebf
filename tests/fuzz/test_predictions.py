"""Broken files of predictions and broken input to predict: each tool ends well, or with one line, and writes no half.

FUZZ_CASES=20000 pytest tests/fuzz/test_predictions.py -rP
"""

import argparse
import io
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, set_seed

from src import tasks
from src.core import config
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint, tiny
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.tasks.prediction_file import as_line, read_predictions
from src.tools import compare, ensemble, errors, predict, report, score
from tests.fuzz.conftest import TEXTS, Outcomes, broken_bytes, broken_value, share, texts, values
from tests.fuzz.test_corpora import as_csv, as_jsonl, rows
from tests.project import ROOT

CLS = {"gold": "yes", "predicted": "no", "probabilities": {"yes": 0.25, "no": 0.75}}
SPAN = {
    "gold": ["O", "B-X"], "predicted": ["O", "O"], "tokens": ["a", "b"], "probabilities": [0.5, 0.5],
    "gold_spans": [[2, 3, "X"]], "predicted_spans": [],
}  # fmt: skip
EVIDENCE = {"gold": [[0, 2]], "predicted": [1, 3], "text": "ab", "score": 1.0, "null_score": 0.0, "gold_texts": ["ab"]}
KINDS = {"cls": CLS, "span": SPAN, "evidence": EVIDENCE}


def lines(kinds: list[str]) -> list[dict[str, Any]]:
    """Six rows of each kind in two splits and two groups."""
    return [
        {
            "id": str(i),
            "split": ("test", "unseen")[i % 2],
            "group": ("g", "h")[i // 3],
            "task": kind,
            **deepcopy(KINDS[kind]),
        }
        for kind in kinds
        for i in range(6)
    ]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of predictions that is broken in one to three places."""
    found: Any = lines(draw(st.sampled_from([["cls"], ["span"], ["evidence"], ["cls", "span"]])))
    where = draw(st.lists(st.sampled_from(["value", "value", "everywhere", "bytes"]), min_size=1, max_size=3))
    for kind in where:
        if kind == "value":
            found = draw(broken_value(found))
        elif kind == "everywhere":  # a value that is amiss but alike in all rows
            key, value = draw(st.sampled_from(["split", "group", "task", "gold", "predicted"])), draw(values)
            for row in found:
                if isinstance(row, dict):
                    row[key] = deepcopy(value)
    data = "".join(json.dumps(row) + "\n" for row in found).encode()
    return draw(broken_bytes(data)) if "bytes" in where else data


def test_broken_predictions_are_read_by_every_tool_or_refused_in_one_line(tmp_path: Path) -> None:
    outcomes = Outcomes("predictions")
    good = tmp_path / "good.jsonl"
    good.write_text("".join(json.dumps(row) + "\n" for row in lines(["cls"])))
    tools: dict[str, tuple[Any, list[str]]] = {
        "score": (score.main, ["{file}", "--bootstrap-samples", "3"]),
        "score, csv": (score.main, ["{file}", "--bootstrap-samples", "3", "--csv"]),
        "errors": (errors.main, ["{file}"]),
        "errors, json": (errors.main, ["{file}", "--json"]),
        "ensemble": (ensemble.main, ["{file}", str(good), "--out", "{out}"]),
        "compare": (compare.main, ["--predictions", f"a={good}", "b={file}"]),
        "compare, md": (compare.main, ["--predictions", "b={file}", "--md"]),
    }

    @share(0.2)
    @given(st.sampled_from(sorted(tools)), files())
    def check(name: str, content: bytes) -> None:
        main, arguments = tools[name]
        file, out = tmp_path / "broken.jsonl", tmp_path / "out.jsonl"
        file.write_bytes(content)
        out.unlink(missing_ok=True)
        line = outcomes.call(main, *(argument.format(file=file, out=out) for argument in arguments))
        assert line is None or "broken.jsonl" in line or name.startswith(("ensemble", "compare")), line
        assert not out.exists() or read_predictions(out)
        assert {path.name for path in tmp_path.iterdir()} <= {"good.jsonl", "broken.jsonl", "out.jsonl"}

    check()
    outcomes.tell()


def test_broken_predictions_are_reported_or_refused_in_one_line(tmp_path: Path) -> None:
    outcomes = Outcomes("report")

    @share(0.01)
    @given(files())
    def check(content: bytes) -> None:
        (tmp_path / "in").mkdir(exist_ok=True)
        file, folder = tmp_path / "in" / "broken.jsonl", tmp_path / "out"
        file.write_bytes(content)
        outcomes.call(
            report.main, "--predictions", f"../../../x={file}", "--out", folder / "report.html", "--latex",
            folder / "latex", "--figures", folder / "figures",
        )  # fmt: skip
        assert {path.name for path in tmp_path.iterdir()} <= {"in", "out"}

    check()
    outcomes.tell()


@pytest.fixture(scope="module")
def model() -> Checkpoint:
    """A small model of two tasks."""
    train = [Example(id=row["id"], text=row["text"], label=row["label"], tokens=row["words"], tags=row["tags"],
                     split="train") for row in rows()]  # fmt: skip
    params = config.load(ROOT / "params.yaml").train
    with pytest.MonkeyPatch.context() as patch:
        small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        patch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **small))
        set_seed(0)
        labels = tasks.label_sets(tasks.parse("cls+span"), train, ["no", "yes"])
        return checkpoint.create(Encoder(None), labels, train, params)


def test_broken_input_is_predicted_or_left_out_row_by_row(model: Checkpoint, tmp_path: Path) -> None:
    outcomes = Outcomes("predict")
    options = {f"{field}_column": None for field in predict.COLUMNS} | {
        "corpus": None, "delimiter": None, "no_quotes": False, "encoding": "utf-8", "label_column": "label",
        "id_column": "id",
    }  # fmt: skip

    @share(0.14)
    @given(st.data(), st.sampled_from(["a.csv", "a.tsv", "a.jsonl"]))
    def check(data: st.DataObject, name: str) -> None:
        table = rows()[:5]
        row = table[data.draw(st.integers(0, 4))]
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(values if name == "a.jsonl" else texts)
        content = as_jsonl(table) if name == "a.jsonl" else as_csv(table, "\t" if name == "a.tsv" else ",")
        if data.draw(st.booleans()):
            content = data.draw(broken_bytes(content))
        file = tmp_path / name
        file.write_bytes(content)

        def main() -> None:
            arguments = argparse.Namespace(**options, file=file)
            for found in predict._predictions(model, predict._of_file(arguments, model), 3, 4):
                if isinstance(found, UserError):
                    assert name in str(found)
                    assert "\n" not in str(found)
                else:
                    "\n".join(map(as_line, found[1])).encode()
                    predict._text(*found).encode()

        line = outcomes.call(main)
        assert line is None or name in line

    check()
    outcomes.tell()


def test_broken_lines_are_predicted_or_left_out_one_by_one(model: Checkpoint) -> None:
    for content in [text.encode("utf-8", "surrogatepass") for text in TEXTS] + [b"\xff\xfea\n", b"a\n\xd7\n\x80b\n"]:
        stdin = io.TextIOWrapper(
            io.BytesIO(b"good\n" + content + b"\ngood\n"), encoding="utf-8", errors="surrogateescape"
        )
        found = list(predict._predictions(model, predict.of_lines(stdin), 1, 4))
        assert sum(not isinstance(row, UserError) for row in found) >= 2
        for row in found:
            if not isinstance(row, UserError):
                predict._text(*row).encode()

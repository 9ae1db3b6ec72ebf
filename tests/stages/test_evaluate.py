"""The stage evaluate: scores, intervals, gap and baselines; predictions and plots; nothing written when it fails.

pytest tests/stages/test_evaluate.py
"""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from seqeval.metrics import f1_score as span_f1
from seqeval.scheme import IOB2
from sklearn.metrics import confusion_matrix, f1_score
from transformers import BertConfig, set_seed

from src import tasks
from src.core import config
from src.core.records import Example, read_examples, write_examples
from src.models import checkpoint, tiny
from src.models.encoders import ENCODERS
from tests.conftest import ROOT, Ended, ParamsFile, Stage

DECLARED = ["Literal", "Figurative"]
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
CHOICES = ["cls", "span", "cls+span", "cls+evidence"]
METRICS = {
    "cls": {
        "accuracy", "f1_macro", "f1_weighted", "ece", "auroc", "f1_macro_interval", "confusion", "confusion_labels",
        *(f"{kind}_{label}" for kind in ("f1", "precision", "recall") for label in DECLARED),
    },
    "span": {
        "span_f1", "span_precision", "span_recall", "span_f1_lenient", "token_accuracy", "span_f1_interval",
        "confusion", "confusion_labels",
    },
    "evidence": {
        "evidence_em", "evidence_f1", "evidence_em_has_answer", "evidence_f1_has_answer", "evidence_em_no_answer",
        "evidence_f1_no_answer",
        "evidence_f1_interval", "confusion", "confusion_labels",
    },
}  # fmt: skip
PRIMARY = {"cls": "f1_macro", "span": "span_f1", "evidence": "evidence_f1"}
BASELINES = {
    "cls": {"majority", "tfidf"},
    "span": {"majority", "lexicon", "lexicon_canonical"},
    "evidence": {"majority", "no_answer", "overlap"},
}
REQUIRED = {"id", "split", "group", "task", "gold", "predicted", "correct"}
FIELDS = {
    "cls": REQUIRED | {"probabilities"},
    "span": REQUIRED | {"probabilities", "tokens", "gold_spans", "predicted_spans"},
    "evidence": REQUIRED | {"text", "score", "null_score", "gold_texts"},
}


@pytest.fixture(scope="module")
def data(prepared: Path, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare wrote, with fewer rows to evaluate; shuffled, for what comes out must be sorted."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("train", "validation"):
        write_examples(folder / f"{name}.jsonl", splits[name])
    for name, count in (("test", 10), ("unseen", 8)):
        step = len(splits[name]) // count
        write_examples(folder / f"{name}.jsonl", splits[name][::step][:count][::-1])
    for name in ("labels.json", "idioms.json"):
        shutil.copy(prepared / name, folder)
    return folder


@pytest.fixture(scope="module")
def models(splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """{task: folder of a small model with random weights}."""
    folders = {}
    params = config.load(ROOT / "params.yaml").train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))
        for task in CHOICES:
            labels = tasks.label_sets(tasks.parse(task), splits["train"], DECLARED)
            set_seed(1)
            made = checkpoint.create(ENCODERS["tiny"], labels, splits["train"], params)
            folders[task] = tmp_path_factory.mktemp("model")
            made.save(folders[task])
    return folders


class Evaluate:
    """Runs the stage and reads what it wrote."""

    def __init__(self, run: Callable[..., Ended], root: Path, data: Path) -> None:
        self.run, self.root, self.data = run, root, data

    def __call__(self, model: Path, **options: Any) -> Ended:
        return self.run(self.root, model, options.pop("data", self.data), **options)

    @property
    def metrics(self) -> dict[str, Any]:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is no JSON")

        return json.loads((self.root / "evaluate.json").read_text(encoding="utf-8"), parse_constant=refuse)

    def predictions(self, split: str) -> list[dict[str, Any]]:
        text = (self.root / "predictions" / f"{split}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def plot(self, name: str) -> list[list[str]]:
        with (self.root / "plots" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    def written(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.root)): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}


@pytest.fixture
def evaluate(stage: Stage, params_file: ParamsFile, data: Path, tmp_path: Path) -> Evaluate:
    def run(root: Path, model: Path, data: Path, batch_size: int = 4, lexicon: str = "none") -> Ended:
        changes = {"evaluate.batch_size": batch_size, "evaluate.bootstrap_samples": 50, "evaluate.lexicon": lexicon}
        changes["task"] = "cls" if lexicon == "none" else "cls+span"
        return stage(
            "evaluate", "--params", params_file(changes), "--model", model, "--data", data,
            "--metrics", root / "evaluate.json", "--predictions", root / "predictions", "--plots", root / "plots",
        )  # fmt: skip

    return Evaluate(run, tmp_path / "metrics", data)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_metric_is_there_for_each_split_and_each_baseline(
    choice: str, evaluate: Evaluate, models: dict[str, Path]
) -> None:
    assert evaluate(models[choice]).status == 0
    names = choice.split("+")
    assert evaluate.metrics.keys() == {"baselines", *names}
    assert evaluate.metrics["baselines"].keys() == set(names)
    for name in names:
        assert evaluate.metrics["baselines"][name].keys() == BASELINES[name]
        for system in (evaluate.metrics[name], *evaluate.metrics["baselines"][name].values()):
            percent = {"gap_percent"} if system["test"][PRIMARY[name]] else set()
            assert system.keys() == {"test", "unseen", "gap_absolute"} | percent
            for split in ("test", "unseen"):
                assert system[split].keys() == METRICS[name]
                if name == "cls":
                    assert system[split]["confusion_labels"] == DECLARED
                low, high = system[split][f"{PRIMARY[name]}_interval"]
                assert 0 <= low <= high <= 1


@pytest.mark.parametrize("choice", CHOICES)
def test_the_gap_is_seen_less_unseen(choice: str, evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models[choice])
    for name in choice.split("+"):
        for system in (evaluate.metrics[name], *evaluate.metrics["baselines"][name].values()):
            seen, unseen = (system[split][PRIMARY[name]] for split in ("test", "unseen"))
            assert system["gap_absolute"] == pytest.approx(seen - unseen)
            if seen:
                assert system["gap_percent"] == pytest.approx((seen - unseen) / seen * 100)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("split", ["test", "unseen"])
def test_predictions_have_exactly_the_fields_of_the_specification_and_are_sorted(
    choice: str, split: str, evaluate: Evaluate, models: dict[str, Path]
) -> None:
    evaluate(models[choice])
    examples = {example.id: example for example in read_examples(evaluate.data / f"{split}.jsonl")}
    rows = evaluate.predictions(split)
    assert [(row["id"], row["task"]) for row in rows] == sorted(
        (i, name) for i in examples for name in choice.split("+")
    )
    for row in rows:
        example = examples[row["id"]]
        assert row.keys() == FIELDS[row["task"]]
        assert (row["split"], row["group"]) == (split, example.group)
        if row["task"] == "evidence":
            assert row["gold"] == example.answers
            assert row["correct"] is (row["predicted"] in (row["gold"] or [None]))
            assert row["gold_texts"] == [example.text[start:end] for start, end in row["gold"]]
            start, end = row["predicted"] or (0, 0)
            assert row["text"] == example.text[start:end]
            continue
        assert row["correct"] is (row["gold"] == row["predicted"])
        if row["task"] == "cls":
            assert row["gold"] == example.label
            assert list(row["probabilities"]) == DECLARED
            assert sum(row["probabilities"].values()) == pytest.approx(1)
            assert row["predicted"] == max(row["probabilities"], key=row["probabilities"].get)
        else:
            assert row["gold"] == example.tags
            assert row["tokens"] == example.tokens
            assert len(row["predicted"]) == len(row["probabilities"]) == len(row["tokens"])
            assert all(0 <= p <= 1 for p in row["probabilities"])


@pytest.mark.parametrize("choice", ["span", "cls+span"])
def test_spans_in_characters_cut_the_words_of_the_span_out_of_the_text(
    choice: str, evaluate: Evaluate, models: dict[str, Path]
) -> None:
    evaluate(models[choice])
    examples = {example.id: example for example in read_examples(evaluate.data / "unseen.jsonl")}
    spans = 0
    for row in evaluate.predictions("unseen"):
        if row["task"] == "span":
            for tags, found in ((row["gold"], row["gold_spans"]), (row["predicted"], row["predicted_spans"])):
                words = [word for word, tag in zip(row["tokens"], tags, strict=True) if tag != "O"]
                cut = [examples[row["id"]].text[start:end] for start, end, _ in found]
                assert "".join("".join(part.split()) for part in cut) == "".join(words)
                assert len(found) == sum(tag.startswith("B-") for tag in tags)
                assert {label for _, _, label in found} <= {"IDIOM"}
            spans += len(row["gold_spans"])
    assert spans == len(examples)


def test_the_scores_are_those_of_the_predictions_file(evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models["cls+span"])
    for split in ("test", "unseen"):
        rows = evaluate.predictions(split)
        gold, predicted = ([row[side] for row in rows if row["task"] == "cls"] for side in ("gold", "predicted"))
        found = evaluate.metrics["cls"][split]
        assert found["f1_macro"] == pytest.approx(f1_score(gold, predicted, labels=DECLARED, average="macro"))
        assert found["confusion"] == confusion_matrix(gold, predicted, labels=DECLARED).tolist()
        assert found["confusion_labels"] == DECLARED
        gold, predicted = ([row[side] for row in rows if row["task"] == "span"] for side in ("gold", "predicted"))
        expected = span_f1(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)
        assert evaluate.metrics["span"][split]["span_f1"] == pytest.approx(expected)


def test_the_majority_baselines_are_those_that_can_be_told_by_hand(evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models["cls+span"])
    for split in ("test", "unseen"):
        sentences = evaluate.metrics["baselines"]["cls"]["majority"][split]
        labels = [example.label for example in read_examples(evaluate.data / f"{split}.jsonl")]
        share = max(labels.count(label) for label in DECLARED) / len(labels)
        assert sentences["accuracy"] in (pytest.approx(share), pytest.approx(1 - share))
        assert sentences["auroc"] == 0.5
        words = evaluate.metrics["baselines"]["span"]["majority"][split]
        assert words["span_f1"] == 0.0
        assert words["token_accuracy"] > 0.5


def test_the_plots_have_each_decision_and_each_group(evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models["cls+span"])
    names = {str(path.relative_to(evaluate.root / "plots")) for path in (evaluate.root / "plots").rglob("*.csv")}
    pairs = [f"{name}_{split}" for name in ("cls", "span") for split in ("test", "unseen")]
    assert names == {f"{folder}/{pair}.csv" for folder in ("confusion", "groups") for pair in pairs}
    examples = read_examples(evaluate.data / "unseen.jsonl")
    header, *rows = evaluate.plot("confusion/cls_unseen")
    assert header == ["actual", "predicted"]
    assert sorted(rows) == sorted(
        [row["gold"], row["predicted"]] for row in evaluate.predictions("unseen") if row["task"] == "cls"
    )
    header, *rows = evaluate.plot("confusion/span_unseen")
    assert len(rows) == sum(len(example.tokens or []) for example in examples)
    for name in ("cls", "span"):
        header, *rows = evaluate.plot(f"groups/{name}_unseen")
        assert header == ["group", "score"]
        assert {group for group, _ in rows} == {example.group for example in examples}
        values = [float(value) for _, value in rows]
        assert values == sorted(values)


def test_a_line_for_each_system_is_shown(evaluate: Evaluate, models: dict[str, Path]) -> None:
    lines = evaluate(models["cls"]).out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"cls f1_macro {n}" for n in ("model", "majority", "tfidf")]
    score = evaluate.metrics["cls"]
    assert f"test {score['test']['f1_macro']:.3f}, unseen {score['unseen']['f1_macro']:.3f}" in lines[0]
    assert f"gap {score['gap_absolute']:+.3f}" in lines[0]


@pytest.mark.parametrize("choice", CHOICES)
def test_a_corpus_that_holds_no_groups_out_has_no_unseen_scores_and_no_gap(
    choice: str, evaluate: Evaluate, models: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(evaluate.data, tmp_path / "data")
    write_examples(tmp_path / "data" / "unseen.jsonl", [])
    assert evaluate(models[choice], data=tmp_path / "data").status == 0
    for name in choice.split("+"):
        assert evaluate.metrics[name].keys() == {"test"}
        assert all(system.keys() == {"test"} for system in evaluate.metrics["baselines"][name].values())
    assert not [name for name in evaluate.written() if "unseen" in name]
    assert "predictions/test.jsonl" in evaluate.written()


def test_rows_without_gold_are_predicted_and_not_scored(
    evaluate: Evaluate, models: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(evaluate.data, tmp_path / "data")
    evaluate(models["cls+span"])
    labelled = evaluate.metrics
    examples = read_examples(evaluate.data / "test.jsonl")
    blind = [replace(example, id=f"blind {example.id}", label=None, tags=None) for example in examples[:3]]
    write_examples(tmp_path / "data" / "test.jsonl", [*examples, *blind])
    assert evaluate(models["cls+span"], data=tmp_path / "data").status == 0
    for name in ("cls", "span"):
        found, expected = evaluate.metrics[name]["test"], labelled[name]["test"]
        assert found.keys() == expected.keys()
        assert found["confusion"] == expected["confusion"]
        for metric in METRICS[name] - {"confusion", "confusion_labels"}:
            assert found[metric] == pytest.approx(expected[metric], abs=1e-4), metric
    rows = [row for row in evaluate.predictions("test") if row["id"].startswith("blind ")]
    assert len(rows) == 2 * 3
    assert all(row["gold"] is None and row["correct"] is None and row["predicted"] for row in rows)


@pytest.mark.parametrize("choice", ["cls", "cls+span"])
def test_two_equal_runs_write_equal_bytes(
    choice: str, evaluate: Evaluate, models: dict[str, Path], tmp_path: Path
) -> None:
    evaluate(models[choice])
    first = evaluate.written()
    evaluate.root = tmp_path / "again"
    evaluate(models[choice])
    assert evaluate.written() == first


def test_the_size_of_batches_changes_no_score(evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models["cls"], batch_size=1)
    single = evaluate.metrics["cls"]["test"]
    evaluate(models["cls"], batch_size=64)
    assert evaluate.metrics["cls"]["test"].pop("ece") == pytest.approx(single.pop("ece"), abs=1e-4)
    assert {k: v for k, v in evaluate.metrics["cls"]["test"].items() if k != "ece"} == single


def test_canonical_idioms_change_the_spans_alone(evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models["cls+span"])
    before, rows = evaluate.metrics, evaluate.predictions("unseen")
    assert evaluate(models["cls+span"], lexicon="restrict").status == 0
    assert evaluate.metrics["cls"] == before["cls"]
    assert evaluate.metrics["baselines"] == before["baselines"]
    after = evaluate.predictions("unseen")
    assert [row for row in after if row["task"] == "cls"] == [row for row in rows if row["task"] == "cls"]
    changed = [new for old, new in zip(rows, after, strict=True) if old != new]
    assert changed
    assert all("probabilities" not in row for row in changed)
    assert evaluate.metrics["span"]["unseen"]["span_f1"] > before["span"]["unseen"]["span_f1"]


def test_without_canonical_idioms_there_is_nothing_to_join(
    evaluate: Evaluate, models: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(evaluate.data, tmp_path / "data")
    (tmp_path / "data" / "idioms.json").write_text("[]")
    ended = evaluate(models["cls+span"], data=tmp_path / "data", lexicon="restrict")
    assert ended.status == 2
    assert "evaluate.lexicon: restrict" in ended.err
    assert not evaluate.root.exists()
    evaluate(models["cls+span"], data=tmp_path / "data")
    assert evaluate.metrics["baselines"]["span"].keys() == {"majority", "lexicon"}


def test_what_an_earlier_run_wrote_is_replaced(evaluate: Evaluate, models: dict[str, Path]) -> None:
    evaluate(models["cls+span"])
    (evaluate.root / "predictions" / "stale.jsonl").touch()
    evaluate(models["cls"])
    assert not [name for name in evaluate.written() if "span" in name or "stale" in name]


@pytest.mark.parametrize(
    ("missing", "words"),
    [("model", ["contains no model", "dvc repro train", "dvc pull"]), ("data", ["does not exist", "dvc repro"])],
)
def test_without_model_or_data_it_ends_with_one_line_and_writes_nothing(
    missing: str, words: list[str], evaluate: Evaluate, models: dict[str, Path], tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    ended = evaluate(nowhere) if missing == "model" else evaluate(models["cls"], data=nowhere)
    assert ended.status == 2
    assert ended.err.strip().splitlines()[-1].startswith("error: ")
    assert all(word in ended.err for word in [*words, str(nowhere)])
    assert not evaluate.root.exists()


def test_a_model_with_other_labels_than_the_data_is_refused(
    evaluate: Evaluate, models: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(evaluate.data, tmp_path / "data")
    (tmp_path / "data" / "labels.json").write_text('["Met", "Not met"]')
    ended = evaluate(models["cls"], data=tmp_path / "data")
    assert ended.status == 2
    assert "Literal, Figurative" in ended.err
    assert "Met, Not met" in ended.err

"""Every check of the registry, on runs that are sound and on runs that were really damaged.

pytest tests/runs/checks/test_checks.py
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from src.core.check_result import STATUSES, CheckResult, worst
from src.core.files import read_json, write_json
from src.models import checkpoint
from src.runs.checks import CHECKS, check
from src.runs.checks.subject import Subject
from src.runs.paths import DATA, ENVIRONMENT, HEALTH, LOCK, METRICS, MODEL, PREDICTIONS
from src.tasks import TASKS
from tests.conftest import ROOT
from tests.runs.checks.conftest import MATCHER, Runs

JOINT = "+".join(TASKS)
OF_WORKSPACE = {"stages", "queue", "disk"}  # tests/runs/checks/test_workspace.py
WEIGHTS = f"{MODEL}/model.safetensors"
ROWS = f"{PREDICTIONS}/test.jsonl"


def checked(root: Path) -> dict[str, CheckResult]:
    return check(Subject("run", root / MODEL, root))


@pytest.mark.parametrize("task", [*TASKS, JOINT, MATCHER])
def test_a_sound_run_has_no_flag_and_is_computed_again_to_the_last_digit(task: str, runs: Runs) -> None:
    found = checked(runs(task))
    flagged = {name: finding for name, finding in found.items() if finding.status not in ("ok", "not_applicable")}
    assert not flagged
    absent = OF_WORKSPACE | {"health"} | ({"weights"} if task == MATCHER else set())
    assert {name for name, finding in found.items() if finding.status == "not_applicable"} == absent
    assert found["reload"].figures["max_difference"] == 0
    assert found["metrics"].figures["compared"] > 20


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Changes the lines of a file."""

    def edit(root: Path) -> None:
        found = (root / ROWS).read_text(encoding="utf-8").splitlines()
        (root / ROWS).write_text("\n".join(change(found)) + "\n", encoding="utf-8")

    return edit


def swapped(line: str) -> str:
    """A row of cls whose gold is the other label."""
    row = json.loads(line)
    (row["gold"],) = row["probabilities"].keys() - {row["gold"]}
    return json.dumps(row | {"correct": row["gold"] == row["predicted"]}, ensure_ascii=False)


def other_id(line: str) -> str:
    return json.dumps(json.loads(line) | {"id": "strange"}, ensure_ascii=False)


def unknown_label(line: str) -> str:
    row = json.loads(line)
    return json.dumps(row | {"gold": "Ironic", "correct": False, "probabilities": None}, ensure_ascii=False)


def with_nan(root: Path) -> None:
    tensors = load_file(root / WEIGHTS)
    tensors["classifier.bias"][0] = torch.nan
    save_file(tensors, root / WEIGHTS, metadata={"format": "pt"})


def with_adapter(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """A model that kept the adapter it was trained with, whose weights are then changed."""

    def keep(root: Path) -> None:
        model = AutoModelForSequenceClassification.from_pretrained(root / MODEL)
        get_peft_model(model, LoraConfig(target_modules=["query"])).save_pretrained(root / MODEL / "adapter")
        change(root / MODEL / "adapter" / "adapter_model.safetensors")

    return keep


def torn(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:100])


def first_nan(weights: Path) -> None:
    tensors = load_file(weights)
    next(iter(tensors.values()))[0] = torch.nan
    save_file(tensors, weights, metadata={"format": "pt"})


def elsewhere(change: Callable[[Path], None] = lambda root: None) -> Callable[[Path], None]:
    """A run of a GPU with TF32, none of which is here."""

    def move(root: Path) -> None:
        write_json(root / ENVIRONMENT, {"device": "Another", "setup": {"device": "cuda", "tf32": True}})
        change(root)

    return move


def shifted(by: float) -> Callable[[Path], None]:
    def shift(root: Path) -> None:
        tensors = load_file(root / WEIGHTS)
        tensors["classifier.bias"][0] += by
        save_file(tensors, root / WEIGHTS, metadata={"format": "pt"})

    return shift


def other_prediction(line: str) -> str:
    row = json.loads(line)
    (row["predicted"],) = row["probabilities"].keys() - {row["predicted"]}
    return json.dumps(row | {"correct": row["gold"] == row["predicted"]}, ensure_ascii=False)


def swapped_labels(root: Path) -> None:
    config = read_json(root / MODEL / "config.json")
    (root / MODEL / "config.json").write_text(json.dumps(config | {"id2label": {"0": "Figurative", "1": "Literal"}}))


def altered_metric(root: Path) -> None:
    scores = read_json(root / METRICS)
    scores["cls"]["test"]["f1_macro"] += 0.01
    write_json(root / METRICS, scores)


def altered_interval(root: Path) -> None:
    scores = read_json(root / METRICS)
    scores["cls"]["unseen"]["f1_macro_interval"][1] += 0.01
    write_json(root / METRICS, scores)


def lacking_metric(root: Path) -> None:
    scores = read_json(root / METRICS)
    del scores["cls"]["test"]["ece"]
    write_json(root / METRICS, scores)


def last_digit(root: Path) -> None:
    scores = read_json(root / METRICS)
    scores["cls"]["test"]["ece"] += 1e-15
    write_json(root / METRICS, scores)


def other_data(name: str) -> Callable[[Path], None]:
    def drop(root: Path) -> None:
        rows = (root / DATA / name).read_text(encoding="utf-8").splitlines()
        (root / DATA / name).write_text("\n".join(rows[:-1]) + "\n", encoding="utf-8")

    return drop


def truncated(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_bytes((root / path).read_bytes()[:-100])


def removed(path: str) -> Callable[[Path], None]:
    return lambda root: shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()


def written(path: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_text(text)


def with_ignored(root: Path) -> None:
    """What a file manager leaves in folders, and DVC does not see."""
    (root / ".dvcignore").write_text(".DS_Store\n")
    for folder in (DATA, MODEL):
        (root / folder / ".DS_Store").write_text("icons")


def other_code(root: Path) -> None:
    """A parameter that this code does not know."""
    (root / LOCK).write_text((root / LOCK).read_text().replace("freeze_layers:", "freeze_blocks:"))


def health(status: str) -> Callable[[Path], None]:
    rules = {
        "gradient_norm": {"status": status, "message": "2000.0 at step 7"},
        "loss": {"status": "ok", "message": "a number"},
    }
    return lambda root: write_json(root / HEALTH, {"status": status, "rules": rules})


Fault = tuple[Callable[[Path], None], str, str]  # what is done to a run of cls, the status then, and what is said

FAULTS: dict[str, list[Fault]] = {
    "files": [
        (with_ignored, "ok", "4 outputs exist"),
        (removed(METRICS), "red_flag", f"{METRICS} is missing"),
        (removed(LOCK), "red_flag", "no stage has run; run dvc repro"),
        (truncated(WEIGHTS), "red_flag", f"{MODEL} differs from dvc.lock"),
        (written(LOCK, "stages: []"), "red_flag", "dvc.lock does not have stages as DVC writes them"),
        (written(LOCK, "{"), "red_flag", "dvc.lock is not YAML"),
        (written(LOCK, "stages: {}"), "red_flag", "stage train has not run"),
    ],
    "data": [
        (with_ignored, "ok", "the model was trained and evaluated on these data"),
        (other_data("train.jsonl"), "red_flag", f"on other data: {DATA}/train.jsonl differs from dvc.lock"),
        (other_data("test.jsonl"), "red_flag", f"on other data: {DATA} differs from dvc.lock"),
        (removed(DATA), "not_applicable", f"{DATA} is missing"),
    ],
    "model": [
        (truncated(WEIGHTS), "red_flag", "cannot be loaded"),
        (removed(WEIGHTS), "red_flag", "cannot be loaded"),
        (written(f"{MODEL}/tokenizer_config.json", "[]"), "red_flag", "cannot be loaded"),
        (removed(f"{MODEL}/config.json"), "red_flag", f"{MODEL} contains no model"),
        (removed(MODEL), "not_applicable", "the model is missing"),
        (with_adapter(torn), "red_flag", f"{MODEL}/adapter cannot be loaded"),
    ],
    "weights": [
        (with_adapter(lambda path: None), "ok", "all values of 45 tensors are finite"),
        (with_adapter(first_nan), "red_flag", "NaN or infinite values in 1 of 45 tensors: adapter base_model"),
        (with_nan, "red_flag", "NaN or infinite values in 1 of 41 tensors: classifier.bias"),
        (truncated(WEIGHTS), "not_applicable", "see model"),
    ],
    "labels": [
        (swapped_labels, "red_flag", "the model has Figurative, Literal, the data have Literal, Figurative"),
        (lines(lambda rows: [unknown_label(rows[0]), *rows[1:]]), "red_flag", "that the data do not have: Ironic"),
        (removed(MODEL), "ok", "data, predictions have the same labels"),
    ],
    "predictions": [
        (lines(lambda rows: [*rows, rows[0]]), "red_flag", "already occurs in"),
        (lines(lambda rows: rows[1:]), "red_flag", "cls test: 1 of 7 ids are not predicted"),
        (lines(lambda rows: [*rows[1:], other_id(rows[0])]), "red_flag", "1 ids are not in the data: strange"),
        (truncated(ROWS), "red_flag", "is not a valid Prediction"),
        (removed(PREDICTIONS), "not_applicable", f"{PREDICTIONS} is missing"),
    ],
    "reload": [
        (shifted(0.5), "red_flag", "scores differ from the predictions of the run by up to 0."),
        (shifted(1e-3), "red_flag", "scores differ from the predictions of the run by up to 0.000"),
        (elsewhere(), "ok", ", the run had cuda (Another) with TF32: scores may differ by 0.01"),
        (elsewhere(shifted(1e-3)), "ok", "scores differ by at most 0.000"),
        (elsewhere(shifted(0.5)), "red_flag", "scores differ from the predictions of the run by up to 0."),
        (elsewhere(lines(lambda rows: [other_prediction(rows[0]), *rows[1:]])), "warning", "Repeat the check there"),
        (elsewhere(lines(lambda rows: [swapped(rows[0]), *rows[1:]])), "red_flag", "1 of 17 rows differ in gold"),
        (written(ENVIRONMENT, "{}"), "red_flag", f"{ENVIRONMENT} must have device and setup"),
        (with_nan, "not_applicable", "see weights"),
        (swapped_labels, "red_flag", "of 17 rows differ in gold or prediction"),
        (lines(lambda rows: [swapped(rows[0]), *rows[1:]]), "red_flag", "1 of 17 rows differ in gold"),
        (other_code, "not_applicable", "the run was made with different code"),
        (removed(PREDICTIONS), "not_applicable", f"{PREDICTIONS} is missing"),
    ],
    "metrics": [
        (altered_metric, "red_flag", "cls.test.f1_macro is "),
        (altered_interval, "red_flag", "cls.unseen.f1_macro_interval.1 is "),
        (lacking_metric, "red_flag", "cls.test.ece is None"),
        (last_digit, "warning", "1 figures differ in the last digits, which is usual on another machine: cls.test.ece"),
        (lines(lambda rows: [swapped(rows[0]), *rows[1:]]), "red_flag", "do not match the predictions"),
        (truncated(METRICS), "red_flag", f"{METRICS} is not JSON"),
        (written(METRICS, "[]"), "red_flag", f"{METRICS} has no scores"),
        (other_code, "ok", "all "),
        (truncated(ROWS), "not_applicable", "see predictions"),
    ],
    "health": [
        (health("red_flag"), "red_flag", "red_flag gradient_norm: 2000.0 at step 7"),
        (health("warning"), "warning", "warning gradient_norm: 2000.0 at step 7"),
        (health("ok"), "ok", "2 rules ok, 0 not applicable"),
        (health("not_applicable"), "ok", "1 rules ok, 1 not applicable"),
        (written(HEALTH, "{}"), "red_flag", "no rules with a status and a message"),
    ],
}  # fmt: skip


def test_every_check_has_a_test() -> None:
    assert set(CHECKS) == FAULTS.keys() | OF_WORKSPACE


@pytest.mark.parametrize(
    ("name", "fault", "status", "said"), [(name, *fault) for name, faults in FAULTS.items() for fault in faults]
)
def test_a_check_tells_what_was_done_to_a_run(
    name: str, fault: Callable[[Path], None], status: str, said: str, run_of: Runs
) -> None:
    root = run_of("cls")
    fault(root)
    found = checked(root)[name]  # all checks run: none may end in a traceback
    assert found.status == status, found
    assert said in found.message
    assert str(root) not in found.message


@pytest.mark.parametrize("task", ["span", "evidence", JOINT])
def test_weights_that_are_no_numbers_end_no_task_in_a_traceback(task: str, run_of: Runs) -> None:
    root = run_of(task)
    tensors = {name: torch.full_like(tensor, torch.nan) for name, tensor in load_file(root / WEIGHTS).items()}
    save_file(tensors, root / WEIGHTS, metadata={"format": "pt"})
    found = checked(root)
    assert (found["weights"].status, found["reload"].status) == ("red_flag", "not_applicable")
    json.dumps([finding.figures for finding in found.values()], allow_nan=False)


@pytest.mark.parametrize("damage", [truncated(f"{MODEL}/idioms.json"), written(f"{MODEL}/idioms.json", "[]")])
def test_a_matcher_whose_file_is_damaged_is_a_red_flag(damage: Callable[[Path], None], run_of: Runs) -> None:
    root = run_of(MATCHER)
    damage(root)
    found = checked(root)["model"]
    assert found.status == "red_flag"
    assert "idioms.json" in found.message


def test_a_model_that_cannot_be_loaded_is_tried_once(run_of: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    root, tried = run_of("cls"), []
    truncated(WEIGHTS)(root)
    load = checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda *given, **options: tried.append(given) or load(*given, **options))
    assert checked(root)["model"].status == "red_flag"
    assert len(tried) == 1


def test_a_model_alone_is_loaded_and_its_weights_are_looked_at(runs: Runs) -> None:
    found = check(Subject("model", runs("cls") / MODEL))
    assert {name for name, finding in found.items() if finding.status != "not_applicable"} == {"model", "weights"}
    assert found["model"].figures["tasks"] == ["cls"]


def test_an_experiment_cannot_allow_the_code_of_its_own_model(run_of: Runs) -> None:
    root = run_of("cls")
    planted = root / "planted"
    (root / MODEL / "code.py").write_text(f"import pathlib\npathlib.Path({str(planted)!r}).touch()\n")
    config = read_json(root / MODEL / "config.json")
    auto_map = {"AutoConfig": "code.Config", "AutoModelForSequenceClassification": "code.Model"}
    write_json(root / MODEL / "config.json", config | {"auto_map": auto_map})
    lock = (root / LOCK).read_text()
    assert "trust_remote_code: false" in lock
    (root / LOCK).write_text(lock.replace("trust_remote_code: false", "trust_remote_code: true"))
    checked(root)
    assert not planted.exists()


def test_checks_of_a_run_without_its_model_start_without_torch(run_of: Runs) -> None:
    root = run_of("cls")
    shutil.rmtree(root / MODEL)
    code = (
        "import sys; from pathlib import Path\n"
        "from src.runs.checks import check; from src.runs.checks.subject import Subject\n"
        f"found = check(Subject('run', Path({str(root / MODEL)!r}), Path({str(root)!r})))\n"
        "print(found['metrics'].status, found['predictions'].status, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ok", "ok", "False"]


def test_the_worst_status_is_that_of_the_whole() -> None:
    assert worst([]) == "not_applicable"
    for index, status in enumerate(STATUSES):
        assert worst([*STATUSES[:index], status]) == status

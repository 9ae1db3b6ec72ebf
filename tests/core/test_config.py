"""What is legal in params.yaml, and what the error says where it is not.

pytest tests/core/test_config.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.core import config
from src.core.user_errors import UserError

ROOT = Path(__file__).parents[2]
ParamsFile = Callable[..., Path]


def refusal(path: Path) -> str:
    """The message with which a file is refused, less the path of the file, which it must begin with."""
    with pytest.raises(UserError) as error:
        config.load(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_the_shipped_file_loads() -> None:
    params = config.load(ROOT / "params.yaml")
    assert params.prepare.corpus == "sample"
    assert params.model == "tiny"
    assert params.hpo.mode == "fixed"
    assert params.train.max_grad_norm == 1.0
    assert params.evaluate.bootstrap_samples == 1000


def test_parameters_cannot_be_changed() -> None:
    params = config.load(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 99


@pytest.mark.parametrize(
    ("key", "meant", "others"),
    [
        ("modle", "model", ["task", "seed", "prepare", "train", "evaluate"]),
        ("prepare.maxsamples", "prepare.max_samples", ["prepare.corpus", "prepare.split", "prepare.split_seed"]),
        ("hpo.modes", "hpo.mode", []),
        ("train.learning_rte", "train.learning_rate", ["train.epochs", "train.batch_size"]),
        ("evaluate.bootstrap_sample", "evaluate.bootstrap_samples", ["evaluate.batch_size"]),
    ],
)
def test_an_unknown_key_names_the_nearest_legal_one(
    params_file: ParamsFile, key: str, meant: str, others: list[str]
) -> None:
    message = refusal(params_file({key: 1}))
    assert f"'{key}'" in message
    assert f"did you mean '{meant}'?" in message
    legal = message.partition("Legal: ")[2].split(", ")
    assert {meant, *others} <= set(legal)
    assert not [name for name in legal if name.count(".") != key.count(".")], "keys of another section are listed"


def test_an_unknown_key_is_named_once(params_file: ParamsFile) -> None:
    assert refusal(params_file({"modle": 1})).count("modle") == 1


@pytest.mark.parametrize(("wrong", "right"), [("train.epoch", "train.epochs"), ("sede", "seed")])
def test_a_misspelt_key_is_called_unknown_and_not_the_right_one_missing(
    params_file: ParamsFile, wrong: str, right: str
) -> None:
    message = refusal(params_file({right: ..., wrong: 3}))
    assert f"'{wrong}'" in message
    assert f"did you mean '{right}'?" in message


def test_an_unknown_key_that_is_near_to_none_lists_the_legal_ones(params_file: ParamsFile) -> None:
    message = refusal(params_file({"evaluate.zzz": 1}))
    assert "did you mean" not in message
    assert message.endswith("Legal: evaluate.batch_size, evaluate.bootstrap_samples, evaluate.lexicon")


@pytest.mark.parametrize("key", ["seed", "hpo", "prepare.split_seed", "train.trainer", "evaluate.batch_size"])
def test_a_missing_key_is_named(params_file: ParamsFile, key: str) -> None:
    assert refusal(params_file({key: ...})) == f"key '{key}' is missing; add it"


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("seed", "3", "'3'"),
        ("seed", True, "True"),
        ("seed", 1.0, "1.0"),
        ("seed", None, "None"),
        ("seed", -1, "-1"),
        ("seed", 2**32, "4294967296"),
        ("model", 1, "1"),
        ("model", "", "''"),
        ("model", None, "None"),
        ("task", ["cls", "span"], "['cls', 'span']"),
        ("prepare.corpus", 7, "7"),
        ("prepare.corpus", "../secret", "'../secret'"),
        ("prepare.corpus", "", "''"),
        ("prepare.validation_fraction", "0.1", "'0.1'"),
        ("prepare.validation_fraction", 1, "1"),
        ("prepare.test_fraction", -0.1, "-0.1"),
        ("prepare.max_samples", 0, "0"),
        ("prepare.max_samples", True, "True"),
        ("prepare.max_samples", "all", "'all'"),
        ("prepare.split_seed", "42", "'42'"),
        ("train.trust_remote_code", 1, "1"),
        ("train.trust_remote_code", "true", "'true'"),
        ("train.max_length", 7, "7"),
        ("train.learning_rate", "3e-05", "'3e-05'"),
        ("train.learning_rate", True, "True"),
        ("train.learning_rate", 0, "0"),
        ("train.learning_rate", float("nan"), "nan"),
        ("train.learning_rate", float("inf"), "inf"),
        ("train.weight_decay", float("inf"), "inf"),
        ("train.batch_size", 0, "0"),
        ("train.batch_size", "3", "'3'"),
        ("train.epochs", True, "True"),
        ("train.epochs", 1.5, "1.5"),
        ("train.warmup_ratio", True, "True"),
        ("train.label_smoothing", 1.0, "1.0"),
        ("train.focal_gamma", 0, "0"),
        ("train.stride", -1, "-1"),
        ("train.max_answer_length", 0, "0"),
        ("train.separate_encoders", "yes", "'yes'"),
        ("train.max_grad_norm", 0, "0"),
        ("train.early_stopping_patience", 0, "0"),
        ("train.trainer", 3, "3"),
        ("train.trainer", None, "None"),
        ("evaluate.bootstrap_samples", 0, "0"),
    ],
)
def test_a_value_that_is_not_legal_is_named_with_its_key(
    params_file: ParamsFile, key: str, value: Any, shown: str
) -> None:
    message = refusal(params_file({key: value}))
    assert message.startswith(f"{key}: ")
    assert message.endswith(f", not {shown}")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"train.task_weights": {"cls": "x"}}, "train.task_weights.cls"),
        ({"train.task_weights": {"cls": 0}}, "train.task_weights.cls"),
        ({"prepare.split": "fresh", "prepare.unseen_groups": "שבר שתיקה"}, "prepare.unseen_groups"),
        ({"prepare.split": "fresh", "prepare.unseen_groups": [1]}, "prepare.unseen_groups.0"),
    ],
)
def test_a_value_inside_a_value_is_named_with_its_place(
    params_file: ParamsFile, changes: dict[str, Any], key: str
) -> None:
    assert refusal(params_file(changes)).startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("key", "given", "legal"),
    [
        ("prepare.split", "mine", ["own", "fresh"]),
        ("hpo.mode", "of", ["fixed", "tuned"]),
        ("train.lr_scheduler", "lineer", ["linear", "cosine"]),
        ("train.precision", "fp8", ["auto", "fp32", "bf16", "fp16"]),
        ("train.class_weights", "balance", ["balanced"]),
        ("train.health.fail_on", "warning", ["never", "red_flag"]),
        ("evaluate.lexicon", "completed", ["none", "complete", "restrict"]),
        ("train.pooling", "meen", ["first", "mean", "max", "attention"]),
    ],
)
def test_a_name_that_is_not_legal_is_met_with_those_that_are(
    params_file: ParamsFile, key: str, given: str, legal: list[str]
) -> None:
    message = refusal(params_file({key: given}))
    assert message.startswith(f"{key}: ")
    assert message.endswith(f"not '{given}'")
    for name in legal:
        assert f"'{name}'" in message


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"prepare.split": "own", "prepare.unseen_groups": ["x"]}, ["prepare.split", "prepare.unseen_groups"]),
        ({"prepare.split": "own", "prepare.unseen_groups": []}, ["prepare.split", "prepare.unseen_groups"]),
        ({"train.focal_gamma": 2.0, "train.label_smoothing": 0.1}, ["train.focal_gamma", "train.label_smoothing"]),
        (
            {"prepare.validation_fraction": 0.5, "prepare.test_fraction": 0.5},
            ["prepare.validation_fraction", "prepare.test_fraction"],
        ),
        (
            {"prepare.validation_fraction": 0.0, "prepare.test_fraction": 0.99, "train.warmup_ratio": 0.51},
            ["train.warmup_ratio"],
        ),
        ({"train.freeze_layers": 1, "train.mode": "lora"}, ["train.freeze_layers: 1", "train.mode: lora"]),
        ({"train.lora.r": 4}, ["train.lora.r: 4", "train.mode: full"]),
        ({"train.lora.keep_adapter": True, "train.mode": "frozen"}, ["train.lora.keep_adapter", "train.mode: frozen"]),
        ({"train.separate_encoders": True, "train.mode": "frozen"}, ["train.separate_encoders", "train.mode: frozen"]),
        (
            {"train.health.train_loss_warning": 11.0},
            ["train.health.train_loss_red_flag", "train.health.train_loss_warning"],
        ),
        (
            {"train.health.gradient_norm_warning": [1e-9, 100.0]},
            ["train.health.gradient_norm_red_flag", "train.health.gradient_norm_warning"],
        ),
        ({"train.health.expected_red_flag": 0.9}, ["train.health.expected_red_flag", "train.health.expected_warning"]),
        (
            {"train.represent.steps": [0], "train.mode": "zero_shot"},
            ["train.represent.steps", "train.mode: zero_shot"],
        ),
        (
            {"train.represent.steps": [10, 0, 10]},
            ["train.represent.steps: [10, 0, 10] names a step twice"],
        ),
        ({"hpo.mode": "search", "train.mode": "zero_shot"}, ["hpo.mode: search", "train.mode: zero_shot"]),
        ({"hpo.mode": "tuned", "train.mode": "zero_shot"}, ["hpo.mode: tuned", "train.mode: zero_shot"]),
        ({"hpo.mode": "search", "hpo.space": {"mode": ["full", "zero_shot"]}}, ["hpo.space.mode: zero_shot"]),
    ],
)
def test_a_contradiction_names_every_key_that_takes_part(
    params_file: ParamsFile, changes: dict[str, Any], keys: list[str]
) -> None:
    message = refusal(params_file(changes))
    for key in keys:
        assert key in message


@pytest.mark.parametrize(
    "changes",
    [
        {"train.warmup_ratio": 0.5},
        {"train.focal_gamma": 2.0, "train.class_weights": "balanced"},
        {"train.pooling": "attention", "train.separate_encoders": True},
        {"train.stride": 0, "train.max_answer_length": 1},
        {"train.warmup_ratio": 0},
        {"prepare.split": "fresh", "prepare.unseen_groups": []},
        {"prepare.split": "fresh", "prepare.unseen_groups": ["שבר שתיקה"]},
        {"prepare.split": "own", "prepare.unseen_groups": None},
        {"prepare.validation_fraction": 0.5, "prepare.test_fraction": 0.49},
        {"prepare.max_samples": 1},
        {"seed": 0},
        {"seed": 2**32 - 1},
        {"model": "owner/name"},
        {"model": "./folder"},
        {"train.task_weights": {"cls": 1, "span": 0.5}},
        {"train.trainer": {"optim": "adafactor", "anything": [1]}},
        {"train.learning_rate": None},
        {"train.mode": "lora", "train.lora.r": 1, "train.lora.dropout": 0, "train.lora.target_modules": ["query"]},
        {"train.mode": "frozen", "train.cache_mib": 0},
        {"train.mode": "frozen", "train.represent.steps": [0, 10]},
        {"train.mode": "zero_shot", "train.represent.steps": []},
    ],
    ids=str,
)
def test_values_at_the_edge_of_what_is_legal_are_taken(params_file: ParamsFile, changes: dict[str, Any]) -> None:
    params = config.load(params_file(changes)).model_dump()
    for key, value in changes.items():
        found = params
        for part in key.split("."):
            found = found[part]
        assert found == value


def test_a_number_as_dvc_writes_it_is_a_float(params_file: ParamsFile) -> None:
    path = params_file({"train.learning_rate": 1.25})
    path.write_text(path.read_text().replace("1.25", "3e-05"))
    rate = config.load(path).train.learning_rate
    assert isinstance(rate, float)
    assert rate == 0.00003


@pytest.mark.parametrize("text", ["", "- model\n", "model\n"], ids=["empty", "list", "text"])
def test_a_file_that_is_no_mapping_is_refused_without_names_of_classes(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    message = refusal(tmp_path / "params.yaml")
    assert "the file" in message
    assert "Params" not in message


@pytest.mark.parametrize("value", [3, None, ["mode"]], ids=str)
def test_a_section_that_is_no_mapping_is_refused_without_names_of_classes(params_file: ParamsFile, value: Any) -> None:
    message = refusal(params_file({"hpo": value}))
    assert message.startswith("hpo: ")
    assert "Params" not in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml does not exist"):
        config.load(tmp_path / "params.yaml")


def test_overriding_changes_what_is_named_and_nothing_else() -> None:
    train = config.load(ROOT / "params.yaml").train
    changed = train.overridden({"epochs": 99, "learning_rate": 1e-3}, Path("tuned.yaml"))
    assert changed.model_dump() == {**train.model_dump(), "epochs": 99, "learning_rate": 0.001}
    assert train.epochs != 99


def test_overriding_with_nothing_changes_nothing() -> None:
    train = config.load(ROOT / "params.yaml").train
    assert train.overridden({}, Path("tuned.yaml")) == train


@pytest.mark.parametrize(
    ("overrides", "fragments"),
    [
        ({"epoch": 3}, ["'epoch'", "did you mean 'epochs'?", "learning_rate"]),
        ({"seed": 3}, ["'seed'", "Legal: "]),
        ({"epochs": "3"}, ["epochs: ", "not '3'"]),
        ({"warmup_ratio": 0.9}, ["train.warmup_ratio", "0.9"]),
    ],
    ids=str,
)
def test_an_override_that_is_not_legal_names_where_it_comes_from(
    overrides: dict[str, Any], fragments: list[str]
) -> None:
    train = config.load(ROOT / "params.yaml").train
    with pytest.raises(UserError) as error:
        train.overridden(overrides, Path("somewhere/tuned.yaml"))
    message = str(error.value)
    assert message.startswith("somewhere/tuned.yaml: ")
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hpo.space.learning_rate": {"low": 1e-5, "hihg": 1e-3}}, ["learning_rate.hihg", "learning_rate.high"]),
        ({"hpo.space.learning_rate": {"low": 1.0, "high": 0.5}}, ["hpo.space.learning_rate", "not below high"]),
        ({"hpo.space.learning_rate": {"low": 0.1, "high": 0.5, "step": -1.0}}, ["step", "not above 0"]),
        ({"hpo.space.epochs": 3}, ["hpo.space.epochs", "mapping"]),
        ({"hpo.space": {"epoch": [1]}}, ["'epoch'", "did you mean 'epochs'"]),
        ({"hpo.space": {"epochs": [0]}}, ["hpo.space.epochs", "0"]),
        ({"hpo.space": {}, "hpo.mode": "search"}, ["hpo.mode: search", "hpo.space"]),
        ({"hpo.space": {"epochs": [1, 2]}, "hpo.rounds": 2}, ["hpo.rounds", "hpo.space"]),
        ({"hpo.storage": "postgresql://me:secret@host/db"}, ["hpo.storage", "PGPASSWORD"]),
        ({"hpo.storage": "studies.db"}, ["hpo.storage", "*.log"]),
    ],
)
def test_a_search_that_cannot_be_is_refused_and_no_secret_is_shown(
    changes: dict[str, Any], words: list[str], params_file: ParamsFile
) -> None:
    message = refusal(params_file(changes))
    for word in words:
        assert word in message
    assert "secret" not in message


@pytest.mark.parametrize("change", [{"cost.date": "today"}, {"cost.per_hour": {"H100": -1.0}}, {"cost.currency": ""}])
def test_a_price_has_a_date_a_currency_and_is_not_negative(params_file: ParamsFile, change: dict[str, Any]) -> None:
    assert refusal(params_file(change)).startswith(next(iter(change)))

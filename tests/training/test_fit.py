"""Training: it learns, keeps the best epoch, repeats itself to the bit, and goes on from where it was stopped.

pytest tests/training/test_fit.py
"""

import copy
import gc
import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, PreTrainedModel, TrainerCallback, set_seed, training_args

from src.analysis.scores import evaluate
from src.core.config import TrainParams
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint, tiny
from src.models import inference as predicting_module
from src.models.batches import Collator, encode
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.tasks import TASKS, validation_scores
from src.training import fit as fit_module
from src.training import trainer
from src.training.fit import Fit, _arguments, fit
from tests.models.conftest import Make, TrainParamsWith

JOINT = "+".join(TASKS)
WALL_CLOCK = {"epoch_runtime", "train_runtime", "train_samples_per_second", "train_steps_per_second"}
SINCE_RESUMED = {"train_loss"}  # Trainer's mean over the steps of its own process
Run = Callable[..., Fit]


@pytest.fixture
def run(splits: dict[str, list[Example]], tmp_path: Path) -> Run:
    """Trains on 24 rows: 3 batches of 8 an epoch."""

    def call(made: Checkpoint, params: TrainParams, **changes: Any) -> Fit:
        options: dict[str, Any] = {
            "train": splits["train"][:24], "validation": splits["validation"], "learning_rate": 5e-3, "seed": 3,
            "state_folder": tmp_path / "state", "callbacks": [],
        } | changes  # fmt: skip
        train, validation = options.pop("train"), options.pop("validation")
        return fit(made, encode(made, train), encode(made, validation), params, **options)

    return call


def weights(made: Checkpoint) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in made.model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def history(result: Fit) -> list[dict[str, float]]:
    return [{k: v for k, v in entry.items() if k not in WALL_CLOCK | SINCE_RESUMED} for entry in result.history]


def logged(result: Fit, name: str) -> list[float]:
    return [entry[name] for entry in result.history if name in entry]


class Killed(Exception):  # noqa: N818
    """Stands in for a power cut."""


class KilledAfter(TrainerCallback):
    """Ends the run when the checkpoint of an epoch has been written."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if round(state.epoch) == self.epoch:
            raise Killed


class Kept(TrainerCallback):
    """Keeps the weights of every epoch, but for the embeddings, of which the model has some only while it learns."""

    def __init__(self, made: Checkpoint) -> None:
        self.made = made
        self.epochs: list[dict[str, torch.Tensor]] = []

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.epochs.append({k: v for k, v in weights(self.made).items() if "word_embeddings" not in k})


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[float]], None]:
    """Makes the validation scores of coming epochs up."""

    def make_up(values: Sequence[float]) -> None:
        coming = iter(values)
        monkeypatch.setattr(trainer, "validation_scores", lambda *_: {"primary": next(coming)})

    return make_up


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """What each task's loss is called with in training, and what it returns, from here on."""
    calls: dict[str, list[dict[str, Any]]] = {name: [] for name in TASKS}

    def watch(name: str) -> None:
        loss = TASKS[name].loss

        def watched(logits: torch.Tensor, targets: torch.Tensor, **options: Any) -> torch.Tensor:
            value = loss(logits, targets, **options)
            if logits.requires_grad:  # not those of validation
                calls[name].append({"value": value.item(), **options})
            return value

        monkeypatch.setattr(TASKS[name], "loss", watched)

    for name in TASKS:
        watch(name)
    return calls


@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_the_loss_of_tiny_falls(
    task: str, run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A smaller one, for speed."""
    monkeypatch.setattr(
        tiny,
        "config",
        lambda tokenizer: BertConfig(
            vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128
        ),
    )
    result = run(make(task, None), train_params(epochs=8), train=splits["train"][:48], learning_rate=2e-3)
    found = logged(result, "loss")
    assert len(found) == result.steps == 48
    assert sum(found[-6:]) < 0.7 * sum(found[:6])


@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_the_same_seed_gives_the_same_weights_and_history_to_the_bit_and_another_seed_does_not(
    task: str, run: Run, make: Make, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    outcomes = []
    for i, seed in enumerate((3, 3, 4)):
        made = make(task)
        result = run(made, train_params(), seed=seed, state_folder=tmp_path / str(i))
        outcomes.append((weights(made), history(result)))
    (first, log), (second, same_log), (other, other_log) = outcomes
    assert equal(first, second)
    assert log == same_log
    assert not equal(first, other)
    assert log != other_log


@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_the_model_scores_on_validation_exactly_what_fit_says(
    task: str, run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]]
) -> None:
    made = make(task)
    result = run(made, train_params(epochs=4))
    scores = validation_scores(made.tasks, made.predict(splits["validation"], 8))
    assert scores["primary"] == result.primary == max(logged(result, "eval_primary"))


@pytest.mark.parametrize(("made_up", "best"), [([0.2, 0.9, 0.9, 0.1], 2), ([0.0, 0.0, 0.0], 1), ([0.1, 0.2, 0.3], 3)])
def test_the_weights_of_the_first_best_epoch_are_kept(
    made_up: list[float], best: int, run: Run, make: Make, train_params: TrainParamsWith,
    scored: Callable[[Sequence[float]], None],
) -> None:  # fmt: skip
    scored(made_up)
    made = make("cls")
    kept = Kept(made)
    result = run(made, train_params(epochs=len(made_up)), callbacks=[kept])
    assert (result.primary, result.epoch) == (max(made_up), best)
    after = {name: weights(made)[name] for name in kept.epochs[0]}
    assert [equal(epoch, after) for epoch in kept.epochs] == [i == best - 1 for i in range(len(made_up))]


@pytest.mark.parametrize(
    ("patience", "made_up", "epochs"),
    [
        pytest.param(1, [0.5, 0.4, 0.9, 0.9, 0.9], 2, id="one bad epoch is one too many"),
        pytest.param(2, [0.5, 0.4, 0.6, 0.5, 0.6], 5, id="a better epoch starts the count anew"),
        pytest.param(2, [0.5, 0.5, 0.5, 0.9, 0.9], 3, id="an equal epoch is no better"),
        pytest.param(None, [0.5, 0.4, 0.3, 0.2, 0.1], 5, id="never"),
    ],
)
def test_training_stops_when_validation_has_not_improved_for_as_many_epochs(
    patience: int | None, made_up: list[float], epochs: int, run: Run, make: Make, train_params: TrainParamsWith,
    scored: Callable[[Sequence[float]], None],
) -> None:  # fmt: skip
    scored(made_up)
    result = run(make("cls"), train_params(epochs=5, early_stopping_patience=patience))
    assert result.steps == 3 * epochs
    assert result.primary == max(made_up[:epochs])


def test_the_history_has_every_optimizer_step_and_every_epoch(
    run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    result = run(make(JOINT), train_params(epochs=2))
    steps = [entry for entry in result.history if "loss" in entry]
    assert [entry["step"] for entry in steps] == [1, 2, 3, 4, 5, 6]
    assert all(entry.keys() >= {"grad_norm", "learning_rate", "epoch"} for entry in steps)
    evaluations = [entry for entry in result.history if "eval_primary" in entry]
    assert [entry["step"] for entry in evaluations] == [3, 6]
    for entry in evaluations:
        primary = [entry[f"eval_{task.primary_metric}"] for task in TASKS.values()]
        assert entry["eval_primary"] == pytest.approx(sum(primary) / len(TASKS))
    assert result.seconds > 0
    assert result.samples_per_second > 0


def test_the_validation_loss_is_the_mean_surprise_at_the_gold(
    run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]]
) -> None:
    """Of the last and only epoch, whose weights the model has."""
    made = make("cls")
    result = run(made, train_params(epochs=1))
    rows = made.predict(splits["validation"], 8)
    expected = sum(-math.log(row.probabilities[row.gold]) for row in rows) / len(rows)
    assert logged(result, "eval_loss") == [pytest.approx(expected, rel=1e-5)]


def test_accumulated_batches_make_the_same_step_as_one_large_batch(
    run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    outcomes = []
    for batch_size, accumulated in ((8, 1), (4, 2), (2, 4)):
        made = make("cls")
        for module in made.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        params = train_params(
            batch_size=batch_size, gradient_accumulation_steps=accumulated, epochs=1, trainer={"optim": "sgd"}
        )
        result = run(made, params, learning_rate=0.05, state_folder=tmp_path / str(batch_size))
        assert result.steps == 3
        outcomes.append((weights(made), logged(result, "loss"), logged(result, "grad_norm")))
    for found, loss, norm in outcomes[1:]:
        assert loss == pytest.approx(outcomes[0][1], rel=1e-4)
        assert norm == pytest.approx(outcomes[0][2], rel=1e-3)
        for name, value in found.items():
            torch.testing.assert_close(value, outcomes[0][0][name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("batch_size", "accumulated", "steps"), [(8, 1, 3), (8, 2, 2), (8, 3, 1), (5, 2, 3)])
def test_an_optimizer_step_takes_so_many_batches(
    batch_size: int, accumulated: int, steps: int, run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    params = train_params(epochs=1, batch_size=batch_size, gradient_accumulation_steps=accumulated)
    assert run(make("cls"), params).steps == steps


@pytest.mark.parametrize("scheduler", ["linear", "cosine"])
def test_the_learning_rate_rises_for_its_share_of_the_steps_and_then_falls(
    scheduler: str, run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    found = logged(run(make("cls"), train_params(epochs=4, warmup_ratio=0.5, lr_scheduler=scheduler)), "learning_rate")
    assert max(found) == pytest.approx(5e-3)
    peak = found.index(max(found))
    assert peak == pytest.approx(6, abs=1)
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[-1] < 0.2 * 5e-3


def test_inputs_of_like_length_are_batched_together(
    run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seen: list[list[int]] = []
    collate = Collator.__call__

    def watched(self: Collator, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        seen.append([row["length"] for row in rows])
        return collate(self, rows)

    monkeypatch.setattr(Collator, "__call__", watched)
    run(make("cls"), train_params(epochs=1, batch_size=4), train=splits["train"][:80])
    seen = seen[:20]  # behind these come the batches of validation
    lengths = sorted(length for batch in seen for length in batch)
    padding = sum(max(batch) * len(batch) - sum(batch) for batch in seen)
    least = sum(max(batch) * 4 - sum(batch) for batch in (lengths[i : i + 4] for i in range(0, 80, 4)))
    unsorted = len(lengths) * max(lengths) - sum(lengths)
    assert len(lengths) == 80
    assert padding < least + (unsorted - least) / 4


def test_balanced_class_weights_of_sentences_are_rows_over_labels_times_rows_of_the_label(
    run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]],
    losses: dict[str, list[dict[str, Any]]],
) -> None:  # fmt: skip
    labels = ["Literal"] * 6 + ["Figurative"] * 2 + [None] * 4
    train = [replace(example, label=label) for example, label in zip(splits["train"], labels, strict=False)]
    run(make("cls"), train_params(epochs=1, class_weights="balanced"), train=train)
    for call in losses["cls"]:
        assert call["class_weights"].tolist() == pytest.approx([8 / (2 * 6), 8 / (2 * 2)])


def test_balanced_class_weights_of_words_count_tags_and_a_tag_that_never_occurs_weighs_one(
    run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]],
    losses: dict[str, list[dict[str, Any]]],
) -> None:  # fmt: skip
    train = []
    for example in splits["train"][:8]:
        tags = ["B-IDIOM" if tag == "B-IDIOM" else "O" for tag in example.tags or []]
        train.append(replace(example, tags=tags))
    words = sum(len(example.tags or []) for example in train)
    run(make("span"), train_params(epochs=1, class_weights="balanced"), train=train)
    for call in losses["span"]:
        assert call["class_weights"].tolist() == pytest.approx([words / (3 * (words - 8)), words / (3 * 8), 1.0])


def test_without_class_weights_labels_weigh_alike_and_label_smoothing_is_passed_on(
    run: Run, make: Make, train_params: TrainParamsWith, losses: dict[str, list[dict[str, Any]]]
) -> None:
    run(make(JOINT), train_params(epochs=1, label_smoothing=0.2))
    for calls in losses.values():
        assert len(calls) == 3
        assert all(call["class_weights"] is None and call["label_smoothing"] == 0.2 for call in calls)


@pytest.mark.parametrize("task_weights", [{}, {"cls": 2.0, "span": 0.25}, {"evidence": 3.0}])
def test_the_loss_of_a_joint_model_is_the_weighted_sum_of_those_of_its_tasks(
    task_weights: dict[str, float], run: Run, make: Make, train_params: TrainParamsWith,
    losses: dict[str, list[dict[str, Any]]],
) -> None:  # fmt: skip
    result = run(make(JOINT), train_params(epochs=1, task_weights=task_weights))
    steps = zip(*([call["value"] for call in losses[name]] for name in TASKS), strict=True)
    weights = [task_weights.get(name, 1.0) for name in TASKS]
    expected = [sum(w * value for w, value in zip(weights, values, strict=True)) for values in steps]
    assert logged(result, "loss") == pytest.approx(expected, rel=1e-5)


def test_a_task_weight_for_a_task_that_is_not_there_is_refused(
    run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    with pytest.raises(UserError, match=r"train\.task_weights names 'span'.*task: cls"):
        run(make("cls"), train_params(task_weights={"cls": 1.0, "span": 2.0}))


@pytest.mark.parametrize(
    "name",
    [
        "learning_rate", "num_train_epochs", "output_dir", "seed", "bf16", "tf32", "eval_strategy", "eval_steps",
        "save_steps", "save_total_limit", "logging_steps", "logging_dir", "max_steps", "warmup_ratio", "warmup_steps",
        "full_determinism", "auto_find_batch_size",
    ],
)  # fmt: skip
def test_a_trainer_argument_that_the_pipeline_sets_is_refused_by_its_name(
    name: str, run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    with pytest.raises(UserError, match=rf"train\.trainer\.{name} is set by the pipeline"):
        run(make("cls"), train_params(trainer={name: 1}))


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_logged_goes_to_a_reporter_too_where_anything_is_kept(
    kept: bool, run: Run, make: Make, train_params: TrainParamsWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "logs"))
    params = train_params(epochs=1, trainer={"report_to": "tensorboard"})
    run(make("cls"), params, state_folder=tmp_path / "state" if kept else None)
    logs = b"".join(path.read_bytes() for path in tmp_path.glob("logs/events*"))
    assert all((name in logs) is kept for name in (b"train/loss", b"train/grad_norm", b"eval/f1_macro"))


@pytest.mark.parametrize(("reporters", "name"), [(["tensorbord"], "tensorbord"), ("mlflow", "mlflow")])
def test_a_reporter_that_there_is_not_is_refused(
    reporters: list[str] | str, name: str, run: Run, make: Make, train_params: TrainParamsWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(fit_module, "get_available_reporting_integrations", lambda: ["dvclive", "tensorboard"])
    with pytest.raises(
        UserError, match=rf"reporter in train\.trainer\.report_to: '{name}'.*Legal: dvclive, tensorboard"
    ):
        run(make("cls"), train_params(trainer={"report_to": reporters}))


@pytest.mark.parametrize(
    ("reporters", "expected"),
    [(None, []), ("none", []), ("dvclive", []), ("all", ["tensorboard"]), (["tensorboard"], ["tensorboard"])],
)
def test_dvclive_logs_once_whatever_else_does(
    reporters: Any, expected: list[str], train_params: TrainParamsWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (fit_module, training_args):
        available = "get_available_reporting_integrations"
        monkeypatch.setattr(module, available, lambda: ["dvclive", "tensorboard"], raising=False)
    params = train_params(trainer={"report_to": reporters})
    assert _arguments(params, "fp32", 1e-3, 0, tmp_path).report_to == expected
    assert _arguments(params, "fp32", 1e-3, 0, None).report_to == []


def test_more_processes_than_cores_are_refused(
    make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In training, which has them; what others trained elsewhere is evaluated on any machine."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    made = make("cls")
    fit_module.check(made, splits["validation"], train_params(loader_workers=4))
    with pytest.raises(UserError, match=r"train\.loader_workers: 5 is more than the 4 cores"):
        fit_module.check(made, splits["validation"], train_params(loader_workers=5))


def test_a_batch_is_as_large_on_a_machine_of_several_gpus(
    train_params: TrainParamsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = _arguments(train_params(batch_size=8), "fp32", 1e-3, 0, None)
    monkeypatch.setattr(arguments, "_n_gpu", 4)
    assert (arguments.n_gpu, arguments.train_batch_size) == (1, 8)


def test_a_copy_that_predicts_in_half_precision_is_gone_at_once(
    run: Run, make: Make, train_params: TrainParamsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What refers to itself is there until a search for garbage: of a large model, gigabytes."""
    copies: list[weakref.ref[Any]] = []

    def counted(model: PreTrainedModel) -> PreTrainedModel:
        copied = copy.deepcopy(model)
        copies.append(weakref.ref(copied))
        return copied

    monkeypatch.setattr(predicting_module, "copy", SimpleNamespace(deepcopy=counted))
    gc.disable()
    try:
        run(make("cls", precision="bf16"), train_params(epochs=2, precision="bf16"))
        left = [copied for copied in copies if copied() is not None]
    finally:
        gc.enable()
    assert len(copies) == 2
    assert left == []


@pytest.mark.parametrize("name", ["label_smoothing_factor", "resume_from_checkpoint"])
def test_a_trainer_argument_that_would_change_nothing_is_refused(
    name: str, run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    """Our loss does not read it, or nothing does: a key that is silently without effect misleads."""
    value = {"label_smoothing_factor": 0.1, "resume_from_checkpoint": "somewhere"}[name]
    with pytest.raises(UserError, match=rf"train\.trainer\.{name}"):
        run(make("cls"), train_params(trainer={name: value}))


def test_focal_loss_is_passed_on_to_every_task(
    run: Run, make: Make, train_params: TrainParamsWith, losses: dict[str, list[dict[str, Any]]]
) -> None:
    run(make(JOINT), train_params(epochs=1, focal_gamma=2.0))
    for calls in losses.values():
        assert len(calls) == 3
        assert all(call["focal_gamma"] == 2.0 for call in calls)


@pytest.mark.parametrize("task", ["cls", "cls+span"])
@pytest.mark.parametrize("changes", [{}, {"class_weights": "balanced", "focal_gamma": 2.0}])
def test_three_labels_are_learnt_predicted_and_scored(
    task: str, changes: dict[str, Any], run: Run, train_params: TrainParamsWith, splits: dict[str, list[Example]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    small = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    monkeypatch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **small))
    names = ["both", "figurative", "literal"]  # told by a word that each begins with

    def labelled(examples: Sequence[Example]) -> list[Example]:
        return [
            replace(
                example, label=(name := names[i % 7 % 3]), text=f"{name} {example.text}",
                tokens=[name, *(example.tokens or [])], tags=["O", *(example.tags or [])],
            )
            for i, example in enumerate(examples)
        ]  # fmt: skip

    train, validation = labelled(splits["train"]), labelled(splits["validation"])
    labels = {name: {"cls": names, "span": ["O", "B-IDIOM", "I-IDIOM"]}[name] for name in task.split("+")}
    params = train_params(epochs=8, pooling=None if task == "cls" else "max", **changes)
    set_seed(0)
    made = checkpoint.create(Encoder(None), labels, train, params)
    run(made, params, learning_rate=5e-3, train=train, validation=validation)
    rows = [row for row in made.predict(validation, 8) if row.task == "cls"]
    assert {row.predicted for row in rows} == set(names)
    scores = evaluate(TASKS["cls"], {"test": rows}, 20)["test"]
    assert scores["f1_macro"] > 0.9
    assert scores["auroc"] > 0.9
    assert {f"{kind}_{name}" for kind in ("f1", "precision", "recall") for name in names} <= scores.keys()
    assert (scores["confusion_labels"], np.sum(scores["confusion"])) == (names, len(rows))


@pytest.mark.parametrize("trainer", [{"no_such_key": 1}, {"optim": "no_such_optimizer"}])
def test_a_trainer_argument_that_transformers_does_not_take_is_refused_with_its_name(
    trainer: dict[str, Any], run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    with pytest.raises(UserError, match=r"train\.trainer.*no_such"):
        run(make("cls"), train_params(trainer=trainer))


def test_a_model_may_be_compiled(make: Make, splits: dict[str, list[Example]], train_params: TrainParamsWith) -> None:
    made = make("cls")
    data = [encode(made, rows) for rows in (splits["train"][:8], splits["validation"][:8])]
    compiled = {"torch_compile": True, "torch_compile_backend": "eager"}
    assert fit(made, *data, train_params(epochs=1, trainer=compiled), learning_rate=1e-3, seed=0).steps == 1


def test_other_trainer_arguments_are_passed_through(
    run: Run, make: Make, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    outcomes = []
    for optimizer in ("adamw_torch", "sgd"):
        made = make("cls")
        run(made, train_params(epochs=1, trainer={"optim": optimizer}), state_folder=tmp_path / optimizer)
        outcomes.append(weights(made))
    assert not equal(*outcomes)


@pytest.mark.parametrize(("epoch", "task"), [(1, JOINT), (2, JOINT), (3, JOINT), *((1, task) for task in TASKS)])
def test_a_run_that_was_stopped_goes_on_and_ends_like_one_that_was_not_to_the_bit(
    epoch: int, task: str, run: Run, make: Make, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    params = train_params(epochs=3, gradient_accumulation_steps=2)
    whole = make(task)
    expected = run(whole, params, state_folder=tmp_path / "whole")
    with pytest.raises(Killed):
        run(make(task), params, callbacks=[KilledAfter(epoch)])
    resumed = make(task)
    result = run(resumed, params)
    assert equal(weights(resumed), weights(whole))
    assert history(result) == history(expected)
    assert (result.primary, result.epoch, result.steps) == (expected.primary, expected.epoch, expected.steps)


def test_a_resumed_run_does_not_repeat_the_epochs_it_has_behind_it(
    run: Run, make: Make, train_params: TrainParamsWith, losses: dict[str, list[dict[str, Any]]]
) -> None:
    with pytest.raises(Killed):
        run(make("cls"), train_params(epochs=3), callbacks=[KilledAfter(2)])
    assert len(losses["cls"]) == 2 * 3
    result = run(make("cls"), train_params(epochs=3))
    assert len(losses["cls"]) == 3 * 3
    assert len(logged(result, "epoch_runtime")) == 3
    assert result.seconds > sum(logged(result, "epoch_runtime")) > logged(result, "train_runtime")[0]
    assert result.samples_per_second == pytest.approx(3 * 24 / result.seconds)


def test_a_run_that_was_stopped_when_all_was_done_but_the_saving_of_the_model_ends_alike(
    run: Run, make: Make, train_params: TrainParamsWith
) -> None:
    first, second = make("cls"), make("cls")
    expected, result = run(first, train_params()), run(second, train_params())
    assert equal(weights(first), weights(second))
    assert (result.primary, result.epoch, result.steps) == (expected.primary, expected.epoch, expected.steps)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_run_has_the_patience_that_was_left(
    epoch: int, run: Run, make: Make, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    """Nothing is learnt, so no epoch is better than the first, and the third is the last."""
    params = train_params(epochs=8, early_stopping_patience=2)
    expected = run(make("cls"), params, learning_rate=1e-12, state_folder=tmp_path / "whole")
    assert expected.steps == 3 * 3
    with pytest.raises(Killed):
        run(make("cls"), params, learning_rate=1e-12, callbacks=[KilledAfter(epoch)])
    result = run(make("cls"), params, learning_rate=1e-12)
    assert result.steps == expected.steps
    assert history(result) == history(expected)


@pytest.mark.parametrize("torn", ["trainer_state.json", "model.safetensors"])
def test_a_run_that_was_killed_while_it_wrote_its_state_goes_on_from_the_state_before(
    torn: str, run: Run, make: Make, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    """What Trainer writes last is its own state; without it the folder is not whole."""
    params = train_params(epochs=3)
    whole = make("cls")
    expected = run(whole, params, state_folder=tmp_path / "whole")
    with pytest.raises(Killed):
        run(make("cls"), params, callbacks=[KilledAfter(2)])
    last = tmp_path / "state" / "checkpoint-6"
    written = ["model.safetensors", "optimizer.pt", "trainer_state.json"]  # in this order
    for name in written[written.index(torn) :]:
        (last / name).unlink()
    resumed = make("cls")
    result = run(resumed, params)
    assert equal(weights(resumed), weights(whole))
    assert result.primary == expected.primary


def test_rows_without_a_target_teach_nothing_and_are_not_scored(
    run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]]
) -> None:
    """A joint model may learn each task from rows of its own."""

    def parted(examples: Sequence[Example]) -> list[Example]:
        missing = [{"label": None, "answers": None}, {"tags": None, "answers": None}, {"label": None, "tags": None}]
        return [replace(example, **missing[i % 3]) for i, example in enumerate(examples)]

    made = make(JOINT)
    validation = parted(splits["validation"])
    result = run(made, train_params(epochs=1), train=parted(splits["train"][:24]), validation=validation)
    assert all(math.isfinite(loss) for loss in logged(result, "loss"))
    rows = [row for row in made.predict(validation, 8) if row.gold is not None]
    assert len(rows) == len(validation)
    assert validation_scores(made.tasks, rows)["primary"] == result.primary


@pytest.mark.parametrize("without", ["rows", "targets"])
def test_a_validation_split_that_scores_nothing_is_refused(
    without: str, run: Run, make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]]
) -> None:
    """`-S prepare.validation_fraction=0` is legal for prepare; the best epoch cannot be chosen then."""
    validation = [replace(example, label=None) for example in splits["validation"]] if without == "targets" else []
    with pytest.raises(UserError, match="validation"):
        run(make("cls"), train_params(epochs=1), validation=validation)


def test_a_training_that_diverges_says_so(run: Run, make: Make, train_params: TrainParamsWith) -> None:
    with pytest.raises(UserError, match=r"training diverged: the loss is nan at step [23]; lower train\.learning_rate"):
        run(make("cls"), train_params(epochs=1), learning_rate=1e30)


@pytest.mark.parametrize(("task", "metric"), [("cls", "f1_macro"), (JOINT, "primary")])
def test_the_line_of_an_epoch_names_the_score_that_models_are_chosen_by(
    run: Run, make: Make, train_params: TrainParamsWith, capfd: pytest.CaptureFixture[str], task: str, metric: str
) -> None:
    result = run(make(task), train_params(epochs=1))
    assert capfd.readouterr().out == f"Epoch 1/1: validation {metric} {result.primary:.3f} (best)\n"


def test_disable_tqdm_shows_no_progress(
    run: Run, make: Make, train_params: TrainParamsWith, capfd: pytest.CaptureFixture[str]
) -> None:
    run(make("cls"), train_params(epochs=1, trainer={"disable_tqdm": True}))
    assert capfd.readouterr().out == ""

"""What every task of the registry keeps to, whatever it is: a new task is tested by being in TASKS.

pytest tests/tasks/test_tasks.py
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import BertConfig, PreTrainedTokenizerBase

from src.core.records import Example, Prediction
from src.core.user_errors import UserError
from src.models import tiny
from src.tasks import TASKS, check_lexicon, label_sets, parse, validation_scores
from src.tasks.alignment import Encoding, tokenize
from src.tasks.task import Task
from src.text.words import invalid_tag

DECLARED = ["Literal", "Figurative"]
IGNORED = -100
SURE = 20.0  # a logit that leaves nothing to the other labels


@dataclass
class Data:
    """Examples as a task sees them."""

    task: Task
    labels: list[str]
    examples: list[Example]
    windows: list[list[Encoding]]

    @property
    def targets(self) -> list[int | list[int]]:
        pairs = zip(self.examples, self.windows, strict=True)
        return [self.task.encode(example, window, self.labels) for example, (window,) in pairs]

    def tensors(self) -> list[torch.Tensor]:
        """Targets with a batch axis of one, for targets of unequal length cannot be stacked."""
        return [torch.tensor([target]) for target in self.targets]

    def shapes(self) -> list[tuple[int, ...]]:
        """Of the logits of each example."""
        axes = [() if self.task.pooled else (len(window.inputs["input_ids"]),) for (window,) in self.windows]
        return [(*axis, len(self.labels)) for axis in axes]

    def batch(self, i: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Random logits and the targets of one example."""
        return torch.randn(1, *self.shapes()[i]), self.tensors()[i]

    def sure(self, wrong: bool = False) -> list[np.ndarray]:
        """Logits that leave no doubt, of the targets or of something else."""
        return [
            self._of_labels(np.asarray(target), wrong) if self.task.labelled else self._of_positions(target, wrong, T)
            for target, (T, *_) in zip(self.targets, self.shapes(), strict=True)
        ]

    def _of_labels(self, target: np.ndarray, wrong: bool) -> np.ndarray:
        return (np.eye(len(self.labels)) * SURE)[(np.maximum(target, 0) + wrong) % len(self.labels)]

    def _of_positions(self, target: Any, wrong: bool, length: int) -> np.ndarray:
        if wrong:
            target = [0, 0] if target[1] else [1, 1]
        logits = np.zeros((length, 2))
        logits[target, [0, 1]] = SURE
        return logits

    def decode(self, logits: Sequence[np.ndarray]) -> list[Prediction]:
        return [
            self.task.decode([own], windows, example, self.labels, self.task.settings)
            for own, windows, example in zip(logits, self.windows, self.examples, strict=True)
        ]

    def certain(self, wrong: bool = False) -> list[Prediction]:
        return self.decode(self.sure(wrong))

    def random(self, seed: int, scale: float = 3.0) -> list[Prediction]:
        draw = np.random.default_rng(seed)
        return self.decode([draw.normal(0, scale, shape).astype(np.float32) for shape in self.shapes()])


@pytest.fixture(scope="module")
def tokenizer(splits: dict[str, list[Example]]) -> PreTrainedTokenizerBase:
    return tiny.tokenizer(splits["train"])


@pytest.fixture(params=TASKS)
def data(request: pytest.FixtureRequest, splits: dict[str, list[Example]], tokenizer: PreTrainedTokenizerBase) -> Data:
    task = TASKS[request.param]
    examples = splits["validation"] + splits["unseen"]
    return Data(task, task.labels(examples, DECLARED), examples, read(task, examples, tokenizer))


def read(task: Task, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase) -> list[list[Encoding]]:
    return tokenize(examples, tokenizer, 128, with_words=True, stride=32 if task.windowed else None)


OF_LABELS = pytest.mark.parametrize("data", [name for name, task in TASKS.items() if task.labelled], indirect=True)


def without_targets(examples: Sequence[Example]) -> list[Example]:
    return [replace(example, label=None, tags=None, answers=None) for example in examples]


def right(row: Prediction) -> Any:
    """What would be right to predict."""
    return row.gold if row.task != "evidence" else row.gold[0] if row.gold else None


def test_a_task_stands_in_the_registry_under_its_own_name_and_names_an_auto_class(data: Data) -> None:
    assert TASKS[data.task.name] is data.task
    assert hasattr(transformers, data.task.auto_class)


def test_labels_are_distinct_and_do_not_depend_on_the_order_of_examples(data: Data) -> None:
    assert len(data.labels) == len(set(data.labels)) >= 2
    assert data.task.labels(data.examples[::-1], DECLARED) == data.labels


def test_there_are_no_labels_where_no_example_has_a_target(data: Data) -> None:
    assert data.task.labels(without_targets(data.examples), DECLARED) == []
    assert data.task.labels([], DECLARED) == []


def test_certain_logits_of_the_targets_decode_to_the_gold(data: Data) -> None:
    rows = data.certain()
    assert [row.predicted for row in rows] == [right(row) for row in rows]
    assert all(row.correct is True for row in rows)
    assert all(row.gold is not None for row in rows)


def test_a_prediction_carries_what_its_example_says_of_itself(data: Data) -> None:
    for row, example in zip(data.random(0), data.examples, strict=True):
        assert (row.id, row.split, row.group) == (example.id, example.split, example.group)
        assert row.task == data.task.name
        assert row.correct is (right(row) == row.predicted)


def test_an_example_without_gold_is_decoded_and_neither_right_nor_wrong(data: Data) -> None:
    blind = Data(data.task, data.labels, without_targets(data.examples), data.windows)
    for row, same in zip(blind.random(1), data.random(1), strict=True):
        assert row.gold is None
        assert row.correct is None
        assert row.predicted == same.predicted


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_no_logits_decode_to_an_illegal_sequence(data: Data, scale: float) -> None:
    for seed in range(20):
        for row, example in zip(data.random(seed, scale), data.examples, strict=True):
            if row.task == "evidence":
                start, end = row.predicted or (0, 1)
                assert 0 <= start < end <= len(example.text)
                assert row.text == (example.text[start:end] if row.predicted else "")
                continue
            predicted = row.predicted if isinstance(row.predicted, list) else [row.predicted]
            assert set(predicted) <= set(data.labels)
            if isinstance(row.predicted, list):
                assert invalid_tag(row.predicted) is None


def test_loss_is_positive_and_its_gradient_reaches_the_logits(data: Data) -> None:
    torch.manual_seed(0)
    for i in range(len(data.examples)):
        logits, targets = data.batch(i)
        loss = data.task.loss(logits.requires_grad_(), targets)
        loss.backward()
        assert loss.shape == ()
        assert loss > 0
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        decided = targets != IGNORED if data.task.labelled else ...  # positions compete with one another, all of them
        assert logits.grad[decided].abs().min() > 0
        assert logits.grad.any(dim=-1).sum() == logits[decided].any(dim=-1).sum()


def test_loss_is_next_to_nothing_for_certain_logits_of_the_targets(data: Data) -> None:
    for logits, targets in zip(data.sure(), data.tensors(), strict=True):
        assert data.task.loss(torch.tensor(logits[None]), targets) < 1e-6


def test_loss_of_a_batch_without_targets_is_zero_and_so_is_its_gradient(data: Data) -> None:
    blind = Data(data.task, data.labels, without_targets(data.examples), data.windows)
    for i, options in enumerate([{}, {"label_smoothing": 0.1}, {"focal_gamma": 2.0}]):
        logits, targets = blind.batch(i)
        assert (targets == IGNORED).all()
        weights = torch.rand(len(data.labels))
        loss = data.task.loss(logits.requires_grad_(), targets, class_weights=weights, **options)
        loss.backward()
        assert loss.item() == 0.0
        assert logits.grad is not None
        assert not logits.grad.any()


def test_loss_is_the_mean_over_targets_and_passes_over_the_others(data: Data) -> None:
    torch.manual_seed(0)
    logits, targets = data.batch()
    ignored = torch.full_like(targets, IGNORED)
    both = data.task.loss(torch.cat([logits, torch.randn_like(logits)]), torch.cat([targets, ignored]))
    torch.testing.assert_close(both, data.task.loss(logits, targets))


@OF_LABELS
@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing_spreads_its_share_evenly_over_the_labels(data: Data, smoothing: float) -> None:
    torch.manual_seed(0)
    logits, targets = data.batch()
    chosen, gold = logits[targets != IGNORED], targets[targets != IGNORED]
    surprise = -chosen.log_softmax(-1)
    expected = (1 - smoothing) * surprise.gather(1, gold[:, None]).mean() + smoothing * surprise.mean()
    torch.testing.assert_close(data.task.loss(logits, targets, label_smoothing=smoothing), expected)


@OF_LABELS
@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_focal_loss_weighs_each_target_by_how_much_of_its_probability_is_missing(
    data: Data, gamma: float, weighted: bool
) -> None:
    torch.manual_seed(0)
    targets = torch.cat(data.tensors()[:1] * 2)
    logits = torch.randn(*targets.shape, len(data.labels))
    weights = torch.arange(1.0, len(data.labels) + 1) if weighted else torch.ones(len(data.labels))
    gold = targets[targets != IGNORED]
    p = logits[targets != IGNORED].softmax(-1).gather(1, gold[:, None]).squeeze(1)
    expected = (weights[gold] * (1 - p) ** gamma * -p.log()).sum() / weights[gold].sum()
    found = data.task.loss(logits, targets, class_weights=weights if weighted else None, focal_gamma=gamma)
    torch.testing.assert_close(found, expected)


@OF_LABELS
def test_class_weights_weigh_each_target_by_its_label(data: Data) -> None:
    torch.manual_seed(0)
    weights = torch.arange(1.0, len(data.labels) + 1)
    targets = torch.cat(data.tensors()[:1] * 2)
    logits = torch.randn(*targets.shape, len(data.labels))
    chosen, gold = logits[targets != IGNORED], targets[targets != IGNORED]
    surprise = -chosen.log_softmax(-1).gather(1, gold[:, None]).squeeze(1)
    expected = (weights[gold] * surprise).sum() / weights[gold].sum()
    torch.testing.assert_close(data.task.loss(logits, targets, class_weights=weights), expected)


def test_the_joint_head_gives_logits_of_the_shape_that_the_auto_class_gives(data: Data) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = BertConfig(vocab_size=10, num_labels=len(data.labels), **sizes)
    plain = getattr(transformers, data.task.auto_class).from_config(config)
    expected = data.task.logits(plain(input_ids=torch.ones(3, 5, dtype=torch.long))).shape
    states = torch.zeros(3, 8) if data.task.pooled else torch.zeros(3, 5, 8)
    assert data.task.head(config, data.labels)(states).shape == expected


def test_perfect_predictions_score_one(data: Data) -> None:
    assert data.task.score(data.certain())[data.task.primary_metric] == 1.0


def test_predictions_that_are_all_wrong_score_zero(data: Data) -> None:
    assert data.task.score(data.certain(wrong=True))[data.task.primary_metric] == 0.0


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_every_score_is_a_finite_float_between_zero_and_one(data: Data, rows: int) -> None:
    for predictions in (data.certain(), data.certain(wrong=True), data.random(0)):
        scores = data.task.score(predictions[:rows])
        assert data.task.primary_metric in scores
        assert "f1" not in scores
        for name, value in scores.items():
            assert type(value) is float, name
            assert math.isfinite(value), name
            assert 0 <= value <= 1 + 1e-12, name


def test_the_order_of_rows_changes_no_score(data: Data) -> None:
    rows = data.random(2)
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    assert data.task.score(shuffled) == pytest.approx(data.task.score(rows), abs=1e-12)


def test_the_tally_amounts_to_the_primary_metric(data: Data) -> None:
    certain, wrong = data.certain(), data.certain(wrong=True)
    for seed in range(20):
        draw = np.random.default_rng(seed)
        some_right = [pair[int(draw.integers(2))] for pair in zip(certain, wrong, strict=True)]
        for rows in (data.random(seed), some_right):
            tally = data.task.tally(rows)
            assert tally.shape[0] == len(rows)
            assert data.task.primary(tally.sum(axis=0)) == pytest.approx(
                data.task.score(rows)[data.task.primary_metric], abs=1e-12
            )


def test_the_confusion_pairs_of_perfect_predictions_are_equal_and_cover_every_decision(data: Data) -> None:
    pairs = data.task.confusion(data.certain())
    decided = [
        ["answer" if row.gold else "no answer"] if row.task == "evidence" else np.atleast_1d(row.gold)
        for row in data.certain()
    ]
    assert pairs == [(label, label) for gold in decided for label in gold]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_string_is_a_list_of_tasks_in_its_order(name: str) -> None:
    assert parse(name) == [TASKS[name]]
    backwards = list(TASKS)[::-1]
    assert parse("+".join(backwards)) == [TASKS[task] for task in backwards]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("spam", ["unknown task 'spam'", "did you mean 'span'", "cls, span", "cls+span"]),
        ("cls+spn", ["unknown task 'spn'", "did you mean 'span'"]),
        ("", ["unknown task ''", "cls, span"]),
        ("cls+", ["unknown task ''", "cls, span"]),
        ("cls + span", ["unknown task 'cls '", "did you mean 'cls'"]),
        ("Span", ["unknown task 'Span'", "did you mean 'span'"]),
        ("cls+cls", ["cls+cls", "names cls twice"]),
        ("span+cls+span", ["names span twice"]),
    ],
)
def test_a_task_string_that_is_wrong_is_refused_with_what_is_legal(task: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        parse(task)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_label_sets_keep_the_order_of_tasks(splits: dict[str, list[Example]]) -> None:
    sets = label_sets(parse("span+cls"), splits["train"], DECLARED)
    assert list(sets.items()) == [("span", ["O", "B-IDIOM", "I-IDIOM"]), ("cls", DECLARED)]


@pytest.mark.parametrize(
    ("task", "missing", "words"),
    [
        ("span", {"tags": None}, ["task 'span'", "no targets", "it has targets for: cls"]),
        ("cls", {"label": None}, ["task 'cls'", "no targets", "it has targets for: span"]),
        ("cls+span", {"tags": None}, ["task 'span'", "it has targets for: cls"]),
    ],
)
def test_a_task_without_targets_in_the_corpus_is_refused_with_those_that_have_them(
    task: str, missing: dict[str, None], words: list[str], splits: dict[str, list[Example]]
) -> None:
    examples = [replace(example, **missing) for example in splits["train"]]
    with pytest.raises(UserError) as error:
        label_sets(parse(task), examples, DECLARED)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_corpus_without_any_targets_is_refused_in_a_whole_sentence(splits: dict[str, list[Example]]) -> None:
    with pytest.raises(UserError, match="no targets") as error:
        label_sets(parse("cls"), without_targets(splits["train"]), DECLARED)
    assert not str(error.value).strip().endswith(":"), "a list is announced and does not follow"


def test_models_are_chosen_by_the_mean_of_the_primary_metrics(
    splits: dict[str, list[Example]], tokenizer: PreTrainedTokenizerBase
) -> None:
    examples = splits["validation"]
    cls, span = (
        Data(task, task.labels(examples, DECLARED), examples, read(task, examples, tokenizer))
        for task in parse("cls+span")
    )
    scores = validation_scores(parse("cls+span"), [*cls.certain(), *span.certain(wrong=True)])
    assert (scores["f1_macro"], scores["span_f1"], scores["primary"]) == (1.0, 0.0, 0.5)
    assert validation_scores(parse("span"), span.certain())["primary"] == 1.0


@pytest.mark.parametrize(
    ("task", "rule"), [("cls", "complete"), ("evidence", "restrict"), ("cls+evidence", "complete")]
)
def test_a_lexicon_rule_without_a_task_that_knows_it_is_an_error(task: str, rule: str) -> None:
    with pytest.raises(UserError) as error:
        check_lexicon(parse(task), rule)
    assert f"evaluate.lexicon: {rule}" in str(error.value)
    assert f"task: {task}" in str(error.value)


@pytest.mark.parametrize(("task", "rule"), [("span", "complete"), ("cls+span", "restrict"), ("cls", "none")])
def test_a_lexicon_rule_of_a_task_of_the_run_is_legal(task: str, rule: str) -> None:
    check_lexicon(parse(task), rule)

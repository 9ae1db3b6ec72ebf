"""The protocol that every task satisfies. A task is one folder with the same files as its neighbours.

Axes: B batch, T sub-words, W words, H hidden width, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.baseline import Baseline
from src.tasks.lexicon_use import LexiconUse
from src.tasks.prediction_row import PredictionRow
from src.text.words import Offsets

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PretrainedConfig


class Task(Protocol):
    """The interface of a task. A class with these members is a task."""

    name: str
    primary_metric: str
    """The score that selects models and defines the generalisation gap."""
    auto_class: str
    """The transformers Auto class of a single-task checkpoint."""
    pipeline: str
    """The name of the task on the hub (`pipeline_tag`)."""
    pooled: bool
    """True: one target for the whole input. False: targets for sub-words, which need a fast tokenizer."""
    labelled: bool
    """True: each target is a label, and class weights, label smoothing and focal loss apply."""
    exclusive_labels: bool
    """True: each input has exactly one label of a closed set, and its probabilities sum to 1."""
    windowed: bool
    """True: all tasks of the model read an input longer than max_length in windows. False: the input is cut."""
    settings: Mapping[str, float]
    """Numbers for windows and decoding, saved with the model. A key of `train` with the same name sets a number."""

    # row.py
    prediction_row: type[PredictionRow]
    """The schema of a row of a predictions file."""

    def has_target(self, example: Example) -> bool:
        """Says whether the example has a target for this task."""

    def problems(self, example: Example, declared: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yields (field of the example, problem).

        Args:
            declared: the labels of corpus.yaml.
        """

    # labels.py
    def labels(self, examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
        """Returns the closed, ordered label set. It is empty if no example has a target for this task.

        Args:
            declared: the labels of corpus.yaml, in their order.
        """

    def label_set(self, rows: Sequence[Prediction]) -> tuple[str, ...]:
        """Returns the labels that the scores of these rows use. Empty: the labels that occur in the rows."""

    def encode(self, example: Example, encoding: Encoding, labels: Sequence[str]) -> int | list[int]:
        """Returns the target of a window: the index of a label, a list per sub-word or label, or (start, end).

        -100: no target.
        """

    # model.py
    def head(self, config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
        """Builds the head of a joint model.

        Shape: maps the pooled state (B, H) if the task is pooled, otherwise hidden states (B, T, H), to logits.
        """

    def logits(self, output: Any) -> torch.Tensor:
        """Returns the logits in the output of a model of the Auto class. Shape: as the joint head's."""

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        *,
        class_weights: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
        focal_gamma: float | None = None,
    ) -> torch.Tensor:
        """Returns the scalar loss of a batch. For a batch without targets it is zero, not NaN.

        The loss is a mean over the targets that are not -100, weighted by class_weights. The trainer splits batches and
        combines the losses of the parts with `amount` of src/tasks/loss.py.

        Shape: logits (B, L) with targets (B,) or (B, L), (B, T, L) with (B, T), or (B, T, 2) with (B, 2);
        class_weights (L,).
        """

    # decoding.py
    def decode(
        self,
        logits: Sequence[np.ndarray],
        windows: Sequence[Encoding],
        example: Example,
        labels: Sequence[str],
        settings: Mapping[str, float],
    ) -> Prediction:
        """Turns the logits of the windows of an example into a prediction.

        Shape: per window (L,) or (T or more, L); positions after its T sub-words are padding.
        """

    def calibrate(self, decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
        """Returns the settings that validation chooses. Most tasks have none.

        Args:
            decoded: returns the validation rows, decoded with changed settings.
        """

    lexicon: LexiconUse | None
    """None: the task does not use the idiom lexicon."""

    # metrics.py
    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Returns every metric of the task over rows with gold. There is at least one row."""

    def tally(self, rows: Sequence[Prediction]) -> np.ndarray:
        """Returns the counts of each row for the primary metric, so that resampled rows need no new scoring.

        Shape: (rows, classes, counts of a class).
        """

    def primary(self, counts: np.ndarray) -> np.ndarray:
        """Returns the primary metric from counts that are summed over rows.

        Shape: (..., classes, counts of a class) to (...).
        """

    def confusion(self, rows: Sequence[Prediction]) -> list[tuple[str, str]]:
        """Returns (gold, predicted) of every decision of the task: of sentences, or of words."""

    # baselines.py
    def baselines(self, idioms: Sequence[str]) -> dict[str, Baseline]:
        """Returns the trivial baselines by name, always with `majority`.

        Args:
            idioms: the canonical idioms of the corpus; empty if it has none.
        """

    # mistakes.py
    right: str
    """The category of a correct row."""
    category_groups: Mapping[str, tuple[str, ...]]
    """{group of categories: its categories}. Categories in a group are always listed, others only if they occur."""

    def categories(self, rows: Sequence[Prediction]) -> list[str]:
        """Returns the category of each row, which is the kind of mistake. The rows have gold."""

    def target_length(self, row: Prediction) -> int | None:
        """Returns the length of the gold spans in words or characters. None: the task has no spans."""

    def confidence(self, row: Prediction) -> float | None:
        """Returns the confidence of the model in its prediction. None: the row has no scores."""

    def spelled(self, row: Prediction, answer: Any) -> str:
        """Returns gold or predicted of a row as text for a person."""

    def described(self, row: Prediction) -> str:
        """Describes a prediction with its scores in one line, for a terminal."""

    def marked(self, row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
        """Returns the text of a row, its gold character spans and its predicted character spans.

        Args:
            example: the input of the row, if it is known.
        """

    def can_average(self, row: Prediction) -> bool:
        """Says whether an ensemble can use the mean of this row's probabilities."""

    def vote(self, rows: Sequence[Prediction], by_vote: bool) -> Prediction:
        """Returns the prediction of an ensemble, from the rows of one input.

        Args:
            by_vote: vote instead of the highest mean probability. Tags and answers are always combined by vote.
        """

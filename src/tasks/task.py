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
    """What a task says of itself. A plain class with these members is a task."""

    name: str
    primary_metric: str
    """The score that chooses models, and of which the generalisation gap is computed."""
    auto_class: str
    """The transformers Auto class of a single-task checkpoint."""
    pipeline: str
    """The name of the task on the hub (`pipeline_tag`)."""
    pooled: bool
    """One target for the whole input. Otherwise the targets are of sub-words, which needs a fast tokenizer."""
    labelled: bool
    """Each target is a label: class weights, label smoothing and focal loss apply."""
    exclusive_labels: bool
    """Each input has exactly one label of a closed set, and its probabilities sum to 1."""
    windowed: bool
    """All tasks of the model read an input longer than max_length in windows. Otherwise the input is cut."""
    settings: Mapping[str, float]
    """Numbers that windows and decoding depend on, saved with the model. A key of `train` of that name sets one."""

    # row.py
    prediction_row: type[PredictionRow]
    """What is legal in a row of a predictions file."""

    def has_target(self, example: Example) -> bool:
        """Says whether the example has a target for this task."""

    def problems(self, example: Example, declared: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yields (field of the example, what is wrong with it).

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
        """Returns the labels that scores of these rows are computed over. Empty: those that occur in the rows."""

    def encode(self, example: Example, encoding: Encoding, labels: Sequence[str]) -> int | list[int]:
        """Returns the target of a window: the index of a label, a list per sub-word or label, or (start, end).

        -100 means that there is no target.
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
        """Returns the scalar loss of a batch. It is zero, and not NaN, for a batch without any target.

        The loss is a mean over the targets that are not -100, weighted by class_weights: the trainer cuts batches into
        parts and combines the parts by `amount` of src/tasks/loss.py.

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

        Shape: of each window (L,) or (T or more, L); what follows its T sub-words is padding.
        """

    def calibrate(self, decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
        """Returns the settings that validation chooses. Most tasks have none.

        Args:
            decoded: returns the validation rows, decoded with changed settings.
        """

    lexicon: LexiconUse | None
    """None: the idiom lexicon says nothing about this task."""

    # metrics.py
    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Returns every metric of the task over rows that have gold. There is at least one row."""

    def tally(self, rows: Sequence[Prediction]) -> np.ndarray:
        """Counts row by row what the primary metric is computed from, so that resampled rows need no new scoring.

        Shape: (rows, classes, counts of a class).
        """

    def primary(self, counts: np.ndarray) -> np.ndarray:
        """Returns the primary metric of tallies that are summed over rows.

        Shape: (..., classes, counts of a class) to (...).
        """

    def confusion(self, rows: Sequence[Prediction]) -> list[tuple[str, str]]:
        """Returns (gold, predicted) of every decision of the task: of sentences, or of words."""

    # baselines.py
    def baselines(self, idioms: Sequence[str]) -> dict[str, Baseline]:
        """Returns the trivial baselines by name; `majority` is always there.

        Args:
            idioms: the canonical idioms of the corpus; empty if it has none.
        """

    # mistakes.py
    right: str
    """The category of a correct row."""
    category_groups: Mapping[str, tuple[str, ...]]
    """{group of categories: its categories}. Categories in a group are always listed, others where they occur."""

    def categories(self, rows: Sequence[Prediction]) -> list[str]:
        """Returns the category of each row: which kind of mistake it is. The rows have gold."""

    def target_length(self, row: Prediction) -> int | None:
        """Returns the length of what is to be found: words or characters of the gold spans. None: not a span task."""

    def confidence(self, row: Prediction) -> float | None:
        """Returns how sure the model was of its prediction. None: the row does not say."""

    def spelled(self, row: Prediction, answer: Any) -> str:
        """Spells gold or predicted of a row for a person."""

    def described(self, row: Prediction) -> str:
        """Describes a prediction with its scores in one line, for a terminal."""

    def marked(self, row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
        """Returns the text of a row, and the characters of it that are gold and that are predicted.

        Args:
            example: the input of the row, if it is known.
        """

    def can_average(self, row: Prediction) -> bool:
        """Says whether an ensemble can use the mean of this row's probabilities."""

    def vote(self, rows: Sequence[Prediction], by_vote: bool) -> Prediction:
        """Returns the prediction of an ensemble, from the rows of one input.

        Args:
            by_vote: the answer of most rows, not the highest mean probability. Tags and answers are always voted on.
        """

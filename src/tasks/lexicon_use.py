"""How a task uses the canonical idioms that the lexicon matches in a sentence."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from src.core.records import Example, Prediction
from src.text.lexicon import Lexicon


class LexiconUse(NamedTuple):
    """The functions of a task that use the idiom lexicon.

    Attributes:
        kind: returns the label of matches from the train split.
        predict: builds the prediction from the matches in a sentence, with this label.
        rules: {value of `evaluate.lexicon`: function that joins the row of the model with the row of `predict`}.
    """

    kind: Callable[[Sequence[Example]], str]
    predict: Callable[[Example, Lexicon, str], Prediction]
    rules: Mapping[str, Callable[[Prediction, Prediction], Prediction]]

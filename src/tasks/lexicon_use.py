"""What a task does with canonical idioms that the lexicon matches in a sentence."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from src.core.records import Example, Prediction
from src.text.lexicon import Lexicon


class LexiconUse(NamedTuple):
    """How a task uses the idiom lexicon.

    Attributes:
        kind: returns the label of matches, given the train split.
        predict: returns the prediction that the matches in a sentence amount to, with that label.
        rules: {value of `evaluate.lexicon`: joins the model's row with that of `predict`}.
    """

    kind: Callable[[Sequence[Example]], str]
    predict: Callable[[Example, Lexicon, str], Prediction]
    rules: Mapping[str, Callable[[Prediction, Prediction], Prediction]]

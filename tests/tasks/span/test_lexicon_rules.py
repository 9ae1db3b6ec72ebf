"""A model's spans and those of the canonical idioms, joined.

pytest tests/tasks/span/test_lexicon_rules.py
"""

from dataclasses import replace

import pytest

from src.core.records import Example, Prediction
from src.tasks.span.decoding import LEXICON_RULES, prediction

WORDS = ["he", "broke", "the", "ice", "and", "cut", "corners"]


def row(tags: str, kind: str = "X", gold: str | None = "OBIIOOO") -> Prediction:
    """Tags in short: `OBI` is O, B-X, I-X."""
    full = [["O" if tag == "O" else f"{tag}-{k}" for tag in given] for given, k in ((tags, kind), (gold or "", "X"))]
    example = Example(id="1", text=" ".join(WORDS), tokens=WORDS, tags=full[1] if gold else None, split="test")
    return prediction(example, full[0], None)


def said(tags: str) -> Prediction:
    """What a model says: with probabilities."""
    return replace(row(tags), probabilities=[0.9] * len(WORDS))


@pytest.mark.parametrize(
    ("how", "model", "found", "expected"),
    [
        pytest.param("complete", "OOOOOOO", "OBIIOOO", "OBIIOOO", id="no span is completed"),
        pytest.param("complete", "OBIOOOO", "OBIIOOO", "OBIOOOO", id="a span stays, with its own ends"),
        pytest.param("complete", "OOOOOBI", "OBIIOOO", "OOOOOBI", id="a span elsewhere stays alone"),
        pytest.param("complete", "OOOOOOO", "OOOOOOO", "OOOOOOO", id="nothing to complete with"),
        pytest.param("restrict", "OBIOOOO", "OBIIOOO", "OBIIOOO", id="the ends are the idiom's"),
        pytest.param("restrict", "OBIIBII", "OBIIOOO", "OBIIOOO", id="a span that is no idiom goes"),
        pytest.param("restrict", "BOOOOBI", "OBIIOOO", "OOOOOOO", id="so do all, where none overlaps"),
        pytest.param("restrict", "OBIOOOO", "OOOOOOO", "OOOOOOO", id="nothing found"),
        pytest.param("restrict", "OBBIOOO", "OBIIOOO", "OBIIOOO", id="two parts become one idiom"),
        pytest.param("restrict", "OOOOOOO", "OBIIOOO", "OOOOOOO", id="nothing said"),
        pytest.param("restrict", "OOOBOOO", "OBIIOOO", "OBIIOOO", id="one word in common"),
        pytest.param("restrict", "OOOOBOO", "OBIIOOO", "OOOOOOO", id="neighbours have none"),
    ],
)
def test_spans_are_joined(how: str, model: str, found: str, expected: str) -> None:
    joined = LEXICON_RULES[how](said(model), row(found))
    expected_row = row(expected)
    unchanged = model == expected
    assert joined == replace(expected_row, probabilities=said(model).probabilities if unchanged else None)


def test_the_kind_of_a_span_is_the_models() -> None:
    assert LEXICON_RULES["restrict"](row("OBIOOOO", kind="Y"), row("OBIIOOO")) == row("OBIIOOO", kind="Y")


def test_rows_without_gold_are_joined_too() -> None:
    joined = LEXICON_RULES["complete"](row("OOOOOOO", gold=None), row("OBIIOOO", gold=None))
    assert (joined.predicted_spans, joined.correct) == ([[3, 16, "X"]], None)

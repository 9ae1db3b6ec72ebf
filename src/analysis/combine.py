"""A model's spans and those of the canonical idioms, joined: `evaluate.lexicon` of params.yaml."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from src.core.records import Prediction
from src.text.words import Span, spans_of, tags_of


def combined(how: str, rows: Sequence[Prediction], found: Sequence[Prediction]) -> list[Prediction]:
    """Returns the rows, those of span combined with what was found in the same sentence.

    Args:
        how: complete or restrict.
        rows: of a model, of any tasks.
        found: of `lexicon_canonical`, one for each id.
    """
    matches = {row.id: row for row in found}
    return [RULES[how](row, matches[row.id]) if row.task == "span" else row for row in rows]


def complete(row: Prediction, found: Prediction) -> Prediction:
    """Takes what was found where the model has no span."""
    if spans_of(row.predicted):
        return row
    return _changed(row, found, spans_of(found.predicted))


def restrict(row: Prediction, found: Prediction) -> Prediction:
    """Takes of what was found each span that overlaps one of the model's, which gives it its kind."""
    own = spans_of(row.predicted)
    spans = []
    for first, end, _ in spans_of(found.predicted):
        kinds = [kind for start, stop, kind in own if start < end and first < stop]
        spans += [(first, end, kind) for kind in kinds[:1]]
    return _changed(row, found, spans)


RULES: dict[str, Callable[[Prediction, Prediction], Prediction]] = {"complete": complete, "restrict": restrict}


def _changed(row: Prediction, found: Prediction, spans: Sequence[Span]) -> Prediction:
    """Gives a row other spans, each of them one of `found`; the model has no probability for what it did not say."""
    tags = tags_of(spans, len(row.predicted))
    if tags == row.predicted:
        return row
    places = zip(spans_of(found.predicted), found.predicted_spans or [], strict=True)
    offsets = {(first, end): place[:2] for (first, end, _), place in places}  # words: characters
    return replace(
        row,
        predicted=tags,
        correct=None if row.gold is None else tags == row.gold,
        probabilities=None,
        predicted_spans=[[*offsets[first, end], kind] for first, end, kind in spans],
    )

"""Drift per layer and the tests between systems as tables; JSON has full precision."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from src.analysis.comparison_table import marked
from src.analysis.grouping import Statistic
from src.analysis.tables import LATEX, MARKDOWN, TEXT, Style, as_csv
from src.representations.layer_drift import MEASURES, Paired

Means = Mapping[str, Mapping[str, Sequence[Statistic]]]  # {system: {measure: per layer}}

ROUNDING = 1e-9  # without drift, float32 and different batches cause differences up to this size
TESTS = ("first", "second", "measure", "layer", "difference", "seeds", "t-test p", "d_z")
NOTE = "p: corrected by Holm over the layers; * < .05, ** < .01, *** < .001"


def layer_name(number: int) -> str:
    """Names a layer: 0 is the output of the embeddings."""
    return str(number) if number else "embeddings"


def render(means: Means, tests: Sequence[Paired], style: Style) -> str:
    """Renders the table of means, and the table of tests if there are tests."""
    columns = [(name, measure) for name in means for measure in MEASURES]
    lines = [
        [style.escape(layer_name(layer)), *(_format(means[name][measure][layer], style) for name, measure in columns)]
        for layer in range(_layers(means))
    ]
    table = style.table(["layer", *(f"{name} {MEASURES[measure]}" for name, measure in columns)], lines)
    return f"{table}\n\n{_tests(tests, style)}" if tests else table


def _layers(means: Means) -> int:
    return len(next(iter(means.values()))["cosine"])


def _format(value: Statistic, style: Style) -> str:
    return _number(value.mean) + ("" if value.sd is None else f" {style.plus_minus} {_number(value.sd)}")


def _number(value: float, sign: str = "") -> str:
    """Formats a value with four decimals; values that would be 0.0000 in scientific notation, except rounding errors.

    >>> _number(0.1234567), _number(0.0000021), _number(3e-17), _number(-0.2, "+")
    ('0.1235', '2e-06', '0.0000', '-0.2000')
    """
    return f"{value:{sign}.0e}" if ROUNDING < abs(value) < 5e-5 else f"{value:{sign}.4f}"


def _tests(tests: Sequence[Paired], style: Style) -> str:
    lines = [
        [
            *map(style.escape, (test.first, test.second, MEASURES[test.measure], layer_name(test.layer))),
            _number(test.difference, "+"),
            str(test.runs),
            style.escape(marked(test.p_holm)),
            "-" if test.seeds is None else f"{test.seeds.d_z:+.2f}",
        ]
        for test in tests
    ]
    return f"{style.table(TESTS, lines)}\n{style.note(NOTE)}"


def as_json(means: Means, tests: Sequence[Paired]) -> str:
    """Renders all figures; layer 0 is the output of the embeddings."""
    tested = [asdict(test) | {"seeds": test.seeds and test.seeds._asdict()} for test in tests]
    return json.dumps({"means": _records(means), "tests": tested}, ensure_ascii=False, indent=2, allow_nan=False)


def _records(means: Means) -> list[dict[str, Any]]:
    records = []
    for name, measures in means.items():
        for layer in range(_layers(means)):
            record: dict[str, Any] = {"system": name, "layer": layer, "runs": measures["cosine"][layer].runs}
            for measure in MEASURES:
                statistic = measures[measure][layer]
                record |= {measure: statistic.mean, f"{measure}_sd": statistic.sd}
            records.append(record)
    return records


FORMATS: dict[str, Callable[[Means, Sequence[Paired]], str]] = {
    "text": lambda means, tests: render(means, tests, TEXT),
    "md": lambda means, tests: render(means, tests, MARKDOWN),
    "csv": lambda means, tests: as_csv(_records(means)),
    "latex": lambda means, tests: render(means, tests, LATEX),
    "json": as_json,
}

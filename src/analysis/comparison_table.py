"""Renders a comparison and the tests of its pairs. csv and json have full precision; the other formats are rounded."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from src.analysis.grouping import COLUMNS, SPLITS, Comparison, Row, Statistic, format_value
from src.analysis.significance import Pair
from src.analysis.tables import LATEX, MARKDOWN, TEXT, Style, as_csv

LEVELS = (0.05, 0.01, 0.001)  # of significance: one, two, three stars
TRAINED_ON = "trained on"  # heading of the parameter `task`; the column `task` is the task that was scored
PAIRS = ("task", "split", "metric", "first", "second", "difference", "95 %", "test", "p", "seeds", "t-test p", "d_z")
NOTE = "p: corrected by Holm; * < .05, ** < .01, *** < .001; mcnemar tests correct rows, bootstrap tests the metric"


def render(comparison: Comparison, pairs: Sequence[Pair], style: Style) -> str:
    """Renders both tables. A table without rows is omitted."""
    return "\n\n".join(filter(None, [means(comparison.rows, style), tests(pairs, style)]))


def means(rows: Sequence[Row], style: Style) -> str:
    """Renders the table of means and standard deviations."""
    if not rows:
        return ""
    table = style.table(_headings(rows), _cells(rows, style))
    starred = style is TEXT and any(row.best for row in rows)
    return f"{table}\n{style.note('* the best mean of this task on the same data')}" if starred else table


def tests(pairs: Sequence[Pair], style: Style) -> str:
    """Renders the table of tests between pairs."""
    if not pairs:
        return ""
    lines = [
        [
            *map(style.escape, (pair.task, pair.split, pair.metric, pair.first, pair.second)),
            f"{pair.difference:+.3f}",
            f"[{pair.interval[0]:+.3f}, {pair.interval[1]:+.3f}]",
            pair.test,
            style.escape(marked(pair.p_holm)),
            str(pair.runs),
            style.escape(marked(pair.seeds_p_holm)),
            "-" if pair.seeds is None else f"{pair.seeds.d_z:+.2f}",
        ]
        for pair in pairs
    ]
    return f"{style.table(PAIRS, lines)}\n{style.note(NOTE)}"


def marked(p: float | None) -> str:
    """Formats a p-value, with one star for each level of significance that it is below.

    >>> marked(0.2), marked(0.0421), marked(0.00003), marked(None)
    ('.200', '.042 *', '<.001 ***', '-')
    """
    if p is None:
        return "-"
    text = "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
    return f"{text} {'*' * sum(p < level for level in LEVELS)}".rstrip()


def as_json(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    """Renders the full comparison and its tests.

    Raises:
        ValueError: a value is NaN or infinite, which JSON cannot represent.
    """
    rows = [asdict(row) | {"best": sorted(row.best)} for row in comparison.rows]
    tested = [asdict(pair) | {"seeds": pair.seeds and pair.seeds._asdict()} for pair in pairs]
    value = {"rows": rows, "pairs": tested, "warnings": comparison.warnings}
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=str)


def _csv(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    """Renders one table: the means, or the tests if there are no means."""
    return as_csv(map(_record, comparison.rows) if comparison.rows else map(_tested, pairs))


FORMATS: dict[str, Callable[[Comparison, Sequence[Pair]], str]] = {
    "text": lambda comparison, pairs: render(comparison, pairs, TEXT),
    "md": lambda comparison, pairs: render(comparison, pairs, MARKDOWN),
    "csv": _csv,
    "latex": lambda comparison, pairs: render(comparison, pairs, LATEX),
    "json": as_json,
}


def _headings(rows: Sequence[Row]) -> list[str]:
    settings = [TRAINED_ON if name == "task" else name for name in rows[0].settings]
    splits = [heading for split in SPLITS for heading in (split, "best baseline")]
    return ["task", *settings, "metric", "runs", *splits, "gap"]


def _cells(rows: Sequence[Row], style: Style) -> list[list[str]]:
    return [
        [
            *map(style.escape, [row.task, *map(format_value, row.settings.values()), row.metric, str(len(row.runs))]),
            *(cell for split in SPLITS for cell in (_score(row, split, style), _baseline(row, split, style))),
            _score(row, "gap", style),
        ]
        for row in rows
    ]


def _score(row: Row, column: str, style: Style) -> str:
    statistic = row.scores[column]
    if statistic is None:
        return "-"
    mean = f"{statistic.mean:+.3f}" if column == "gap" else f"{statistic.mean:.3f}"
    rest = _rest(statistic, len(row.runs), style)
    return style.best(mean, rest) if column in row.best else f"{mean}{rest}"


def _rest(statistic: Statistic, runs: int, style: Style) -> str:
    sd = "" if statistic.sd is None else f" {style.plus_minus} {statistic.sd:.3f}"
    return sd if statistic.runs == runs else f"{sd} (runs: {statistic.runs})"


def _baseline(row: Row, split: str, style: Style) -> str:
    baseline = row.baselines[split]
    return "-" if baseline is None else f"{baseline.mean:.3f} {style.escape(baseline.name)}"


def _record(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"task": row.task}
    record |= {
        TRAINED_ON.replace(" ", "_") if name == "task" else name: format_value(value)
        for name, value in row.settings.items()
    }
    record |= {"metric": row.metric, "runs": len(row.runs)}
    for column in COLUMNS:
        statistic = row.scores[column]
        record |= {f"{column}_mean": statistic and statistic.mean, f"{column}_sd": statistic and statistic.sd}
        if column in SPLITS:
            baseline = row.baselines[column]
            record[f"{column}_baseline"] = baseline and baseline.name
            record[f"{column}_baseline_mean"] = baseline and baseline.mean
    return record


def _tested(pair: Pair) -> dict[str, Any]:
    low, high = pair.interval
    seeds = pair.seeds._asdict() if pair.seeds else {"t": None, "p": None, "d_z": None}
    record = {name: value for name, value in asdict(pair).items() if name not in ("interval", "seeds", "seeds_p_holm")}
    return (
        record
        | {"low": low, "high": high}
        | {f"seeds_{name}": value for name, value in seeds.items()}
        | {"seeds_p_holm": pair.seeds_p_holm}
    )

"""A comparison, and the tests between its pairs, as text; csv and json in full precision."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from src.analysis.grouping import COLUMNS, SPLITS, Comparison, Row, Statistic, spell
from src.analysis.significance import Pair
from src.analysis.tables import LATEX, MARKDOWN, TEXT, Style, as_csv

LEVELS = (0.05, 0.01, 0.001)  # of significance: one, two, three stars
TRAINED_ON = "trained on"  # the heading of the parameter `task`, beside the task that a row is about
PAIRS = ("task", "split", "metric", "first", "second", "difference", "95 %", "test", "p", "seeds", "t-test p", "d_z")
NOTE = "p: corrected by Holm; * < .05, ** < .01, *** < .001; mcnemar: of being correct, bootstrap: of the metric"


def render(comparison: Comparison, pairs: Sequence[Pair], style: Style) -> str:
    """Renders both tables; one without rows is left out."""
    return "\n\n".join(filter(None, [means(comparison.rows, style), tests(pairs, style)]))


def means(rows: Sequence[Row], style: Style) -> str:
    """Renders the table of means and standard deviations."""
    if not rows:
        return ""
    table = style.table(_headings(rows), _cells(rows, style))
    starred = style is TEXT and any(row.best for row in rows)
    return f"{table}\n{style.note('* the best mean of its task on the same data')}" if starred else table


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
    """Spells a p-value, with a star for each level that it is below.

    >>> marked(0.2), marked(0.0421), marked(0.00003), marked(None)
    ('.200', '.042 *', '<.001 ***', '-')
    """
    if p is None:
        return "-"
    spelt = "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
    return f"{spelt} {'*' * sum(p < level for level in LEVELS)}".rstrip()


def as_json(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    """Renders all that a comparison and its tests hold.

    Raises:
        ValueError: a value is NaN or infinite, which JSON has no word for.
    """
    rows = [asdict(row) | {"best": sorted(row.best)} for row in comparison.rows]
    tested = [asdict(pair) | {"seeds": pair.seeds and pair.seeds._asdict()} for pair in pairs]
    value = {"rows": rows, "pairs": tested, "warnings": comparison.warnings}
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=str)


def _csv(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    """One table: the means, or without these the tests."""
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
            *map(style.escape, [row.task, *map(spell, row.settings.values()), row.metric, str(len(row.runs))]),
            *(cell for split in SPLITS for cell in (_score(row, split, style), _baseline(row, split, style))),
            _score(row, "gap", style),
        ]
        for row in rows
    ]


def _score(row: Row, column: str, style: Style) -> str:
    found = row.scores[column]
    if found is None:
        return "-"
    mean = f"{found.mean:+.3f}" if column == "gap" else f"{found.mean:.3f}"
    rest = _rest(found, len(row.runs), style)
    return style.best(mean, rest) if column in row.best else f"{mean}{rest}"


def _rest(found: Statistic, runs: int, style: Style) -> str:
    sd = "" if found.sd is None else f" {style.plus_minus} {found.sd:.3f}"
    return sd if found.runs == runs else f"{sd} (runs: {found.runs})"


def _baseline(row: Row, split: str, style: Style) -> str:
    found = row.baselines[split]
    return "-" if found is None else f"{found.mean:.3f} {style.escape(found.name)}"


def _record(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"task": row.task}
    record |= {
        TRAINED_ON.replace(" ", "_") if name == "task" else name: spell(value) for name, value in row.settings.items()
    }
    record |= {"metric": row.metric, "runs": len(row.runs)}
    for column in COLUMNS:
        found = row.scores[column]
        record |= {f"{column}_mean": found and found.mean, f"{column}_sd": found and found.sd}
        if column in SPLITS:
            baseline = row.baselines[column]
            record[f"{column}_baseline"] = baseline and baseline.name
            record[f"{column}_baseline_mean"] = baseline and baseline.mean
    return record


def _tested(pair: Pair) -> dict[str, Any]:
    low, high = pair.interval
    seeds = pair.seeds._asdict() if pair.seeds else {"t": None, "p": None, "d_z": None}
    own = {name: value for name, value in asdict(pair).items() if name not in ("interval", "seeds", "seeds_p_holm")}
    return (
        own
        | {"low": low, "high": high}
        | {f"seeds_{name}": value for name, value in seeds.items()}
        | {"seeds_p_holm": pair.seeds_p_holm}
    )

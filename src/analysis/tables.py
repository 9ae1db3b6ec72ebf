"""A comparison as text: for a terminal, Markdown, LaTeX, CSV, JSON; the last two in full precision."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from src.analysis.compare import COLUMNS, SPLITS, Comparison, Row, Statistic, spell

TRAINED_ON = "trained on"  # the heading of the parameter `task`, beside the task that a row is about

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


class Style(NamedTuple):
    """How a form of table spells what goes into a cell."""

    escape: Callable[[str], str]
    plus_minus: str
    best: Callable[[str, str], str]  # of a mean and what follows it


TEXT = Style(str, "±", lambda mean, rest: f"{mean}{rest} *")
MARKDOWN = Style(lambda text: re.sub(r"([\\|*<`])", r"\\\1", text), "±", lambda mean, rest: f"**{mean}**{rest}")
LATEX = Style(
    lambda text: "".join(_LATEX.get(character, character) for character in text),
    r"$\pm$",
    lambda mean, rest: rf"\textbf{{{mean}}}{rest}",
)


def text(comparison: Comparison) -> str:
    """Renders columns of equal width; a star marks the best."""
    lines = [_headings(comparison.rows), *_cells(comparison.rows, TEXT)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    rendered = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    if any(row.best for row in comparison.rows):
        rendered.append("* the best mean of its task on the same data")
    return "\n".join(rendered)


def markdown(comparison: Comparison) -> str:
    """Renders a table of Markdown; the best is bold."""
    headings = _headings(comparison.rows)
    lines = [map(MARKDOWN.escape, headings), ["---"] * len(headings), *_cells(comparison.rows, MARKDOWN)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(comparison: Comparison) -> str:
    r"""Renders a tabular with the rules of the package booktabs (`\usepackage{booktabs}`); the best is bold."""
    headings = _headings(comparison.rows)
    lines = [rf"{' & '.join(line)} \\" for line in _cells(comparison.rows, LATEX)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * len(headings)}}}",
            r"\toprule",
            rf"{' & '.join(map(LATEX.escape, headings))} \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def as_csv(comparison: Comparison) -> str:
    """Renders comma-separated values with one heading line; an absent value is empty."""
    lines = [_record(row) for row in comparison.rows]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue().rstrip("\n")


def as_json(comparison: Comparison) -> str:
    """Renders all that a comparison holds.

    Raises:
        ValueError: a value is NaN or infinite, which JSON has no word for.
    """
    rows = [asdict(row) | {"best": sorted(row.best)} for row in comparison.rows]
    value = {"rows": rows, "warnings": comparison.warnings}
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=str)


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "text": text,
    "md": markdown,
    "csv": as_csv,
    "latex": latex,
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

"""Renders tables for a terminal, for Markdown and for LaTeX, and records as CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

Lines = Sequence[Sequence[str]]  # of cells, which are already escaped for the style

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
    """The format of a table: how a cell is escaped, and which layout tabulate uses."""

    layout: TableFormat
    escape: Callable[[str], str]
    plus_minus: str
    best: Callable[[str, str], str]  # marks the best mean; arguments: the mean, and the text after it
    note: Callable[[str], str]  # formats a line below the table

    def table(self, headings: Sequence[str], lines: Lines) -> str:
        """Renders a table. The headings are escaped here; the cells must already be escaped."""
        rows = [list(map(self.escape, headings)), *lines]
        heading, *rest = [[" ".join(cell.split()) for cell in row] for row in rows]  # a name may have a line break
        return tabulate(  # `headers` would make a column wider than its widest cell
            [heading, SEPARATING_LINE, *rest], tablefmt=self.layout, disable_numparse=True
        )


def _layout(rule: Line, row: DataRow, above: Any = None, below: Line | None = None, padding: int = 0) -> TableFormat:
    return TableFormat(above, rule, None, below, row, row, padding, None)


def _tabular(widths: Sequence[int], alignments: Sequence[str]) -> str:
    return rf"\begin{{tabular}}{{{'l' * len(widths)}}}" "\n" r"\toprule"


_TEXT = _layout(Line("", "-", "  ", ""), DataRow("", "  ", ""))
_MARKDOWN = _layout(Line("|", "-", "|", "|"), DataRow("|", "|", "|"), padding=1)
_BOOKTABS = _layout(  # latex_booktabs of tabulate escapes all cells, so that no cell could be bold
    Line(r"\midrule", "", "", ""),
    DataRow("", " & ", r" \\"),
    above=_tabular,
    below=Line(r"\bottomrule" "\n" r"\end{tabular}", "", "", ""),
)


def _in_markdown(text: str) -> str:
    return re.sub(r"([\\|*<`])", r"\\\1", text)


TEXT = Style(_TEXT, str, "±", lambda mean, rest: f"{mean}{rest} *", str)
MARKDOWN = Style(
    _MARKDOWN,
    _in_markdown,
    "±",
    lambda mean, rest: f"**{mean}**{rest}",
    lambda line: f"\n{_in_markdown(line)}",
)
LATEX = Style(
    _BOOKTABS,
    lambda text: "".join(_LATEX.get(character, character) for character in text),
    r"$\pm$",
    lambda mean, rest: rf"\textbf{{{mean}}}{rest}",
    lambda line: f"% {line}",
)


def as_csv(records: Iterable[Mapping[str, Any]]) -> str:
    """Renders comma-separated values with one line of headings, in full precision. A missing value is empty."""
    lines = list(records)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue().rstrip("\n")

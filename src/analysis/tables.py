"""Tables as text: for a terminal, for Markdown, for LaTeX; records as CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Lines = Sequence[Sequence[str]]  # of cells, spelt as the style wants

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
    """How a form of table spells what goes into a cell, and how it is laid out."""

    layout: Callable[[Lines], str]  # the first line holds the headings
    escape: Callable[[str], str]
    plus_minus: str
    best: Callable[[str, str], str]  # of a mean and what follows it
    note: Callable[[str], str]  # a line below the table

    def table(self, headings: Sequence[str], lines: Lines) -> str:
        """Renders a table; headings as they are, cells spelt in this style already."""
        return self.layout([[self.escape(heading) for heading in headings], *lines])


def _text(lines: Lines) -> str:
    lines = [[" ".join(cell.split()) for cell in line] for line in lines]  # a name may have a line break
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    heading, *rest = lines
    lines = [heading, ["-" * width for width in widths], *rest]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _markdown(lines: Lines) -> str:
    heading, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, ["---"] * len(heading), *rest])


def _latex(lines: Lines) -> str:
    r"""Uses the rules of the package booktabs (`\usepackage{booktabs}`)."""
    heading, *rest = [rf"{' & '.join(line)} \\" for line in lines]
    columns = "l" * len(lines[0])
    begin, end = rf"\begin{{tabular}}{{{columns}}}", r"\end{tabular}"
    return "\n".join([begin, r"\toprule", heading, r"\midrule", *rest, r"\bottomrule", end])


def _in_markdown(text: str) -> str:
    return re.sub(r"([\\|*<`])", r"\\\1", text)


TEXT = Style(_text, str, "±", lambda mean, rest: f"{mean}{rest} *", str)
MARKDOWN = Style(
    _markdown,
    _in_markdown,
    "±",
    lambda mean, rest: f"**{mean}**{rest}",
    lambda line: f"\n{_in_markdown(line)}",
)
LATEX = Style(
    _latex,
    lambda text: "".join(_LATEX.get(character, character) for character in text),
    r"$\pm$",
    lambda mean, rest: rf"\textbf{{{mean}}}{rest}",
    lambda line: f"% {line}",
)


def as_csv(records: Iterable[Mapping[str, Any]]) -> str:
    """Renders comma-separated values with one heading line, in full precision; an absent value is empty."""
    lines = list(records)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue().rstrip("\n")

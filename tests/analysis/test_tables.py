"""Tables as text, Markdown and LaTeX; records as CSV; tests/analysis/test_grouping.py has those of a comparison.

pytest tests/analysis/test_tables.py
"""

import csv
import io
import re

import pytest
from hypothesis import given, strategies

from src.analysis.tables import LATEX, MARKDOWN, TEXT, Style, as_csv

LINES = [["a", "1"], ["שבר שתיקה", "100.0"], ["", "-"]]


def test_columns_of_text_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() -> None:
    assert TEXT.table(["name", "p"], LINES) == (
        "name       p\n---------  -----\na          1\nשבר שתיקה  100.0\n           -"
    )


@pytest.mark.parametrize("style", [TEXT, MARKDOWN, LATEX], ids=["text", "markdown", "latex"])
def test_a_table_without_lines_is_its_headings(style: object) -> None:
    headings = style.table(["name", "p"], [])  # type: ignore[attr-defined]
    assert "name" in headings
    assert len(headings.splitlines()) == {id(TEXT): 2, id(MARKDOWN): 2, id(LATEX): 6}[id(style)]


def test_headings_are_escaped_and_cells_are_taken_as_they_are() -> None:
    assert MARKDOWN.table(["a|b"], [["**x**"]]) == "| a\\|b  |\n|-------|\n| **x** |"
    assert r"95 \%      \\" in LATEX.table(["95 %"], [[r"\textbf{1}"]])
    assert r"\textbf{1} \\" in LATEX.table(["95 %"], [[r"\textbf{1}"]])


NUMBERS = ["007", "1e5", "0.10", "1_000", "nan", "-0", ".025 *", "1,000.50", "0x1f", "0.500 ± 0.000", "True"]


@pytest.mark.parametrize("style", [TEXT, MARKDOWN, LATEX], ids=["text", "markdown", "latex"])
def test_numbers_are_printed_as_they_are_spelt(style: Style) -> None:
    cells = [[name, name] for name in NUMBERS]
    rows = [line for line in style.table(["a", "b"], cells).splitlines() if any(name in line for name in NUMBERS)]
    assert [re.findall(r"[^|&\\\s]+(?: [^|&\\\s]+)*", row) for row in rows] == cells


def test_marks_that_take_no_room_do_not_widen_a_column() -> None:
    assert TEXT.table(["x", "p"], [["שָׁבַר", "1"], ["שבר", "2"]]) == "x    p\n---  -\nשָׁבַר  1\nשבר  2"


def test_a_line_break_in_a_cell_breaks_no_row() -> None:
    for style in (TEXT, MARKDOWN, LATEX):
        assert "a b" in style.table(["x", "y"], [["a\nb", "1"]])


CELL = strategies.text("ab|*<`\\&%$#_{}~^>אב ", max_size=8).map(str.strip)


@given(strategies.lists(strategies.tuples(CELL, CELL), min_size=1, max_size=4))
def test_whatever_a_cell_holds_the_columns_of_markdown_and_latex_stay(cells: list[tuple[str, str]]) -> None:
    for style, sign in ((MARKDOWN, "|"), (LATEX, "&")):
        table = style.table(["x", "y"], [[style.escape(cell) for cell in line] for line in cells])
        rows = table.splitlines()[2:] if style is MARKDOWN else table.splitlines()[4:-2]
        assert len(rows) == len(cells)
        for row in rows:
            assert len(re.findall(rf"(?<!\\)(?:\\\\)*{re.escape(sign)}", row)) == (3 if style is MARKDOWN else 1)


@given(CELL)
def test_markdown_gives_back_what_was_escaped(cell: str) -> None:
    assert re.sub(r"\\([\\|*<`])", r"\1", MARKDOWN.escape(cell)) == cell


def test_notes_and_best_means_are_spelt_in_each_style() -> None:
    assert [style.note("* p < .05") for style in (TEXT, MARKDOWN, LATEX)] == [
        "* p < .05", "\n\\* p \\< .05", "% * p < .05",
    ]  # fmt: skip
    assert [style.best("0.7", " ± 0.1") for style in (TEXT, MARKDOWN, LATEX)] == [
        "0.7 ± 0.1 *", "**0.7** ± 0.1", r"\textbf{0.7} ± 0.1",
    ]  # fmt: skip


def test_csv_is_read_back_in_full_precision() -> None:
    records = [{"name": 'שבר, "שתיקה"', "p": 1 / 3, "sd": None}, {"name": "a\nb", "p": 1e-300, "sd": 0.1}]
    found = list(csv.DictReader(io.StringIO(as_csv(records))))
    assert [row["name"] for row in found] == ['שבר, "שתיקה"', "a\nb"]
    assert [float(row["p"]) for row in found] == [1 / 3, 1e-300]
    assert [row["sd"] for row in found] == ["", "0.1"]


def test_csv_of_nothing_is_empty() -> None:
    assert as_csv([]) == ""

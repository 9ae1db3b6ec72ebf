"""From sections to an HTML page, to LaTeX tables, and to figures for a paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from src.analysis import comparison_table
from src.analysis.comparison_table import marked
from src.analysis.grouping import COLUMNS, Comparison, spell
from src.analysis.report import figures
from src.analysis.report.contents import Material, Section
from src.analysis.tables import LATEX
from src.core.files import write_lines


def html(title: str, comparison: Comparison, sections: Sequence[Section], materials: Mapping[str, Material]) -> str:
    """Renders the page; every text in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["svg"] = lambda figure, name: Markup(figures.svg(figure, name))
    environment.filters |= {"marked": marked, "spell": spell}
    return environment.get_template("page.html.j2").render(
        title=title,
        comparison=comparison,
        sections=sections,
        materials=materials,
        corpora=_corpora(materials),
        columns=COLUMNS,
        error_columns=error_columns,
        note=comparison_table.NOTE,
    )


def _corpora(materials: Mapping[str, Material]) -> list[tuple[list[str], Mapping[str, Any]]]:
    """The data that runs were made on, each with the names of its runs."""
    found: list[tuple[list[str], Mapping[str, Any]]] = []
    for name, material in materials.items():
        same = next((names for names, data in found if data == material.data), None)
        if same is not None:
            same.append(name)
        elif material.data:
            found.append(([name], material.data))
    return found


def latex(folder: Path, comparison: Comparison, sections: Sequence[Section]) -> list[Path]:
    """Writes means.tex, tests.tex and, per task, errors_<task>.tex; returns what was written."""
    tables = {"means": comparison_table.means(comparison.rows, LATEX)}
    tables["tests"] = comparison_table.tests([pair for section in sections for pair in section.pairs], LATEX)
    tables |= {f"errors_{section.task}": _errors(section) for section in sections}
    written = [folder / f"{name}.tex" for name, table in tables.items() if table]
    for path in written:
        write_lines(path, [tables[path.stem]])
    return written


def _errors(section: Section) -> str:
    names = dict.fromkeys(name for split in section.errors for name in error_columns(section.errors[split]))
    lines = [
        [*map(LATEX.escape, (split, system)), *(_cell(cells.get(name, (0, 0.0))) for name in names)]
        for split, systems in section.errors.items()
        for system, cells in systems.items()
    ]
    return f"{LATEX.table(['split', 'system', *names], lines)}\n{LATEX.note('rows (% of all)')}"


def _cell(found: tuple[int, float]) -> str:
    return f"{found[0]} ({100 * found[1]:.1f})"


def error_columns(systems: Mapping[str, Mapping[str, tuple[int, float]]]) -> list[str]:
    """Returns the categories and groups of errors that any system makes."""
    return list(dict.fromkeys(name for cells in systems.values() for name, (number, _) in cells.items() if number))


def draw(folder: Path, sections: Sequence[Section]) -> list[Path]:
    """Writes every figure as PDF and PNG; returns what was written."""
    return figures.write(folder, {name: fig for section in sections for name, (_, fig) in section.figures.items()})

"""Renders sections as an HTML page, as LaTeX tables, and as figures for a paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from src.analysis import comparison_table
from src.analysis.comparison_table import marked
from src.analysis.grouping import COLUMNS, Comparison, format_value
from src.analysis.report import figures
from src.analysis.report.contents import Material, Section
from src.analysis.tables import LATEX
from src.core.files import write_lines


def html(title: str, comparison: Comparison, sections: Sequence[Section], materials: Mapping[str, Material]) -> str:
    """Renders the page. All text in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["svg"] = lambda figure, name: Markup(figures.svg(figure, name))
    environment.filters |= {"marked": marked, "format_value": format_value}
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
    """Returns each data set with the names of the runs that used it."""
    corpora: list[tuple[list[str], Mapping[str, Any]]] = []
    for name, material in materials.items():
        same = next((names for names, data in corpora if data == material.data), None)
        if same is not None:
            same.append(name)
        elif material.data:
            corpora.append(([name], material.data))
    return corpora


def latex(folder: Path, comparison: Comparison, sections: Sequence[Section]) -> list[Path]:
    """Writes means.tex, tests.tex and errors_<task>.tex for each task. Returns the paths."""
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


def _cell(counted: tuple[int, float]) -> str:
    rows, share = counted
    return f"{rows} ({100 * share:.1f})"


def error_columns(systems: Mapping[str, Mapping[str, tuple[int, float]]]) -> list[str]:
    """Returns the categories and groups of errors that occur in at least one system."""
    return list(dict.fromkeys(name for cells in systems.values() for name, (number, _) in cells.items() if number))


def draw(folder: Path, sections: Sequence[Section]) -> list[Path]:
    """Writes every figure as PDF and PNG. Returns the paths."""
    return figures.write(folder, {name: fig for section in sections for name, (_, fig) in section.figures.items()})

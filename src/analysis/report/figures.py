"""The figures of a report. Each function takes plain numbers and returns a matplotlib Figure.

SVG keeps text as text, so that a browser sets Hebrew from right to left and a reader can search it. For PDF and PNG,
matplotlib itself sets text from right to left.
"""

import io
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.analysis.calibration import Bin
from src.analysis.grouping import Statistic
from src.core.files import atomic_file

Points = Sequence[tuple[float, float]]

WIDTH = 6.4  # inches
MOST_GROUPS = 80  # rows of a heatmap
LONGEST = 32  # characters of a name on an axis
FORMS: dict[str, dict[str, Any]] = {"pdf": {"metadata": {"CreationDate": None}}, "png": {"dpi": 200}}


def style() -> AbstractContextManager[None]:
    """Returns the context in which figures are drawn and written: matplotlib with the style of a report."""
    return mpl.style.context(Path(__file__).with_name("figures.mplstyle"))


def learning_curves(histories: Mapping[str, Mapping[str, Points]]) -> Figure:
    """Draws the losses of training and validation, and the score that selects the epoch, over optimizer steps.

    Args:
        histories: {run: {train/loss, validation/loss, validation/primary: (step, value)}}.
    """
    figure, (losses, scores) = empty_figure(2.8, columns=2)
    for number, (run, curves) in enumerate(histories.items()):
        colour = f"C{number % 7}"
        for name, style in (("train/loss", {"alpha": 0.35, "linewidth": 0.8}), ("validation/loss", {"marker": "o"})):
            losses.plot(*_xy(curves.get(name, [])), color=colour, markersize=3, **style)
        scores.plot(*_xy(curves.get("validation/primary", [])), color=colour, marker="o", markersize=3, label=run)
    losses.set(title="loss: training (thin), validation (dots)", xlabel="optimizer step")
    scores.set(title="validation score", xlabel="optimizer step")
    if len(histories) > 1:
        legend(figure, scores)
    return figure


def _xy(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def confusion(matrices: Mapping[str, tuple[Sequence[str], Sequence[Sequence[int]]]]) -> Figure:
    """Draws a confusion matrix for each split: rows are gold, columns predicted. The shade is the share of the row."""
    size = max(len(labels) for labels, _ in matrices.values())
    figure, axes = empty_figure(1.4 + 0.45 * size, columns=len(matrices))
    for ax, (split, (labels, counts)) in zip(axes, matrices.items(), strict=True):
        matrix = np.array(counts, dtype=float)
        ax.imshow(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        for (row, column), number in np.ndenumerate(matrix):
            dark = number > 0.5 * matrix[row].sum()
            ax.text(column, row, f"{number:.0f}", ha="center", va="center", color="white" if dark else "black")
        ax.set_xticks(range(len(labels)), labels, rotation=30 if size > 2 else 0)
        ax.set_yticks(range(len(labels)), labels)
        ax.set(title=split, xlabel="predicted", ylabel="gold")
    return figure


def heatmap(scores: Mapping[str, Mapping[str, float]], metric: str) -> Figure:
    """Draws the score of each group (row) and system (column): at most MOST_GROUPS groups, the lowest mean first."""
    systems = list(scores)
    groups = sorted({group for by_group in scores.values() for group in by_group})
    values = np.array([[scores[system].get(group, np.nan) for system in systems] for group in groups])
    order = np.argsort(np.nanmean(values, axis=1), kind="stable")[:MOST_GROUPS]
    figure, (ax,) = empty_figure(1.2 + 0.22 * len(order))
    image = ax.imshow(values[order], cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values[order]):
        if np.isfinite(value):
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.6 else "black")
    ax.set_yticks(range(len(order)), [_short(groups[i]) for i in order])
    if len(order) < len(groups):
        ax.set_title(f"the lowest {len(order)} of {len(groups)} groups")
    _name(ax, range(len(systems)), systems)
    figure.colorbar(image, label=metric)
    return figure


def categories(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draws the share of each category of error in the rows of each system, without the correct rows."""
    names = dict.fromkeys(name for parts in shares.values() for name in parts)
    figure, (ax,) = empty_figure(1.4 + 0.4 * len(shares))
    left = np.zeros(len(shares))
    colours = mpl.colormaps["tab20"]
    for number, name in enumerate(names):
        widths = np.array([parts.get(name, 0.0) * 100 for parts in shares.values()])
        if widths.any():
            ax.barh(list(map(_short, shares)), widths, left=left, label=name, color=colours(number % 20))
            left += widths
    ax.invert_yaxis()
    ax.set(xlabel="% of rows")
    if left.any():
        legend(figure, ax)
    return figure


def generalisation(
    systems: Mapping[str, Mapping[str, Statistic | None]], baselines: Mapping[str, Mapping[str, float]], metric: str
) -> Figure:
    """Draws the scores on seen and unseen groups as bars, with one standard deviation; baselines are lines.

    Args:
        systems: {system: {seen, unseen}}; baselines: {baseline: {seen, unseen}}.
    """
    figure, (ax,) = empty_figure(3.0)
    places = np.arange(len(systems))
    for number, column in enumerate(("seen", "unseen")):
        statistics = [system.get(column) for system in systems.values()]
        heights = [statistic.mean if statistic else 0.0 for statistic in statistics]
        errors = [(statistic.sd or 0.0) if statistic else 0.0 for statistic in statistics]
        ax.bar(places + (number - 0.5) * 0.38, heights, 0.36, yerr=errors, capsize=3, label=column)
    for number, (name, values) in enumerate(baselines.items()):
        for column, line in (("seen", "--"), ("unseen", ":")):
            if column in values:
                label = f"{name}, {column}"
                ax.axhline(values[column], color=f"C{2 + number % 5}", linestyle=line, linewidth=1.2, label=label)
    _name(ax, places, list(systems))
    ax.set(ylabel=metric, ylim=(0, 1), xlim=(-0.6, max(len(systems), 3) - 0.4))
    legend(figure, ax)
    return figure


def seeds(values: Mapping[str, Mapping[str, Sequence[float]]], metric: str) -> Figure:
    """Draws every run of every system as a dot, which shows the effect of the seed.

    Args:
        values: {system: {seen, unseen: scores of the runs}}.
    """
    figure, (ax,) = empty_figure(1.4 + 0.45 * len(values))
    for number, column in enumerate(("seen", "unseen")):
        for place, columns in enumerate(values.values()):
            scores = columns.get(column, [])
            height = place + (number - 0.5) * 0.3
            ax.plot(scores, [height] * len(scores), "o", color=f"C{number}", alpha=0.7, label="" if place else column)
    ax.set_yticks(range(len(values)), map(_short, values))
    ax.invert_yaxis()
    ax.set(xlabel=metric)
    legend(figure, ax)
    return figure


def calibration(systems: Mapping[str, Sequence[Bin]]) -> Figure:
    """Draws the share of correct rows at each probability. On the diagonal, share and probability are equal."""
    figure, (ax,) = empty_figure(3.4)
    ax.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1)
    for system, bins in systems.items():
        ax.plot(*_xy([(b.confidence or 0.0, b.accuracy or 0.0) for b in bins if b.rows]), marker="o", label=system)
    ax.set(xlabel="probability of the predicted label", ylabel="share of correct rows", xlim=(0, 1), ylim=(0, 1.02))
    legend(figure, ax)
    return figure


def empty_figure(height: float, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _name(ax: Axes, places: Sequence[float] | np.ndarray, names: Sequence[str]) -> None:
    """Names places on the x axis. Long names are rotated so that they do not overlap."""
    names = list(map(_short, names))
    if sum(map(len, names)) > 45:
        ax.set_xticks(places, names, rotation=25, ha="right", rotation_mode="anchor")
    else:
        ax.set_xticks(places, names)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def legend(figure: Figure, ax: Axes) -> None:
    """Puts the legend below the axes and increases the height of the figure for it."""
    handles, labels = ax.get_legend_handles_labels()
    figure.set_figheight(figure.get_figheight() + 0.2 * math.ceil(len(labels) / 3))
    figure.legend(handles, map(_short, labels), loc="outside lower center", ncols=3, frameon=False, fontsize=8)


def svg(figure: Figure, name: str) -> str:
    """Renders a figure as an <svg> element. Equal figures give equal text.

    Args:
        name: makes the ids in the element unique on the page.
    """
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def write(folder: Path, figures: Mapping[str, Figure]) -> list[Path]:
    """Writes every figure as PDF and as PNG (200 dots per inch). Returns the paths."""
    written = []
    for name, figure in figures.items():
        for form, options in FORMS.items():
            written.append(folder / f"{name}.{form}")
            with atomic_file(written[-1]) as temporary:
                figure.savefig(temporary, format=form, **options)
    return written

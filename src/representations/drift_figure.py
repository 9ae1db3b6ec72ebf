"""The figure of drift: the distance of each layer of an encoder from its base."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.analysis.grouping import Statistic
from src.analysis.report.figures import empty_figure, legend
from src.representations.layer_drift import MEASURES

MARKERS = "os^Dv"  # they distinguish lines that overlap
DASHES = ("-", "--", ":", "-.")


def drift_figure(systems: Mapping[str, Mapping[str, Sequence[Statistic]]]) -> Figure:
    """Draws the distance of each layer of an encoder from its base, with one standard deviation over the runs.

    Args:
        systems: {system: {cka_distance, cosine: per layer, the embeddings first}}.
    """
    figure, axes = empty_figure(2.8, columns=2)
    for ax, (measure, title) in zip(axes, MEASURES.items(), strict=True):
        for number, (name, measures) in enumerate(systems.items()):
            mean = np.array([statistic.mean for statistic in measures[measure]])
            sd = np.array([statistic.sd or 0.0 for statistic in measures[measure]])
            colour, marker = f"C{number % 7}", MARKERS[number % len(MARKERS)]
            dash = number % len(DASHES)
            size = 10 - 2 * dash  # if lines are equal, smaller markers lie inside larger ones, dashes on a solid line
            ax.plot(
                mean, DASHES[dash], label=name, color=colour, zorder=2 + dash,
                marker=marker, markersize=size, markerfacecolor="none",
            )  # fmt: skip
            ax.fill_between(range(len(mean)), mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(ylabel=f"{title} to the base", xlabel="layer (0: embeddings)")
    legend(figure, axes[0])
    return figure

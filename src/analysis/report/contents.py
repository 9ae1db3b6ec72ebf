"""Collects the contents of a report from the runs: the tables, the figures and the mistakes of each task."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure

from src.analysis import error_categories, scores
from src.analysis.calibration import calibration
from src.analysis.grouping import COLUMNS, SPLITS, Comparison, Row, data, format_params, score
from src.analysis.report import figures
from src.analysis.report.marked_text import Mistake, mistake
from src.analysis.significance import Pair
from src.core.records import Example, Prediction
from src.tasks import TASKS

MISTAKES = 15  # shown per system and split

Rows = list[Prediction]


@dataclass(frozen=True)
class Material:
    """The data of one run. All attributes except `rows` may be empty.

    Attributes:
        rows: its predictions.
        examples: {id: the example that was predicted}.
        history: {train/loss, validation/loss, validation/primary: (step, value)}.
        scores: metrics/evaluate.json; environment: models/environment.json; health: metrics/health.json;
            data: metrics/data.json.
        params: {dotted key: value}.
    """

    rows: Sequence[Prediction]
    examples: Mapping[str, Example] = field(default_factory=dict)
    history: Mapping[str, figures.Points] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """The part of the report on one task.

    Attributes:
        rows: rows of the comparison.
        baselines: {baseline: {seen, unseen, gap: mean over runs}}.
        errors: {split: {system: {category of error: (rows, share of all rows)}}}, over all runs.
        figures: {name: (caption, figure)}.
        mistakes: {(system, split): the most confident mistakes of the first run}.
    """

    task: str
    metric: str
    rows: list[Row]
    pairs: list[Pair]
    baselines: Mapping[str, Mapping[str, float]]
    errors: Mapping[str, Mapping[str, Mapping[str, tuple[int, float]]]]
    figures: Mapping[str, tuple[str, Figure]]
    mistakes: Mapping[tuple[str, str], list[Mistake]]

    @property
    def has_marks(self) -> bool:
        """True if parts of the texts are marked as gold or predicted."""
        pieces = [piece for mistakes in self.mistakes.values() for mistake in mistakes for piece in mistake.pieces]
        return any(gold or predicted for _, gold, predicted in pieces)


@dataclass(frozen=True)
class System:
    """The runs of one row of the comparison. `splits` has {split: rows of the task} for each run."""

    row: Row
    materials: list[Material]
    splits: list[dict[str, Rows]]

    def pooled(self, split: str) -> Rows:
        return [row for run in self.splits for row in run.get(split, [])]

    def runs(self) -> Iterator[tuple[str, Material]]:
        """Yields each run with a name that distinguishes it from the other runs."""
        for over, material in zip(self.row.over, self.materials, strict=True):
            yield ", ".join([self.row.name, *([format_params(over)] if len(self.materials) > 1 else [])]), material


Systems = Mapping[str, System]


def sections(comparison: Comparison, pairs: Sequence[Pair], materials: Mapping[str, Material]) -> list[Section]:
    """Builds one section for each task of a comparison.

    Args:
        materials: {name of a run: its data}.
    """
    by_task: dict[str, dict[str, System]] = defaultdict(dict)
    for row in comparison.rows:
        by_task[row.task][row.name] = _system(row, [materials[name] for name in row.runs])
    return [_section(task, systems, [pair for pair in pairs if pair.task == task]) for task, systems in by_task.items()]


def _system(row: Row, materials: list[Material]) -> System:
    return System(row, materials, [scores.by_task(scores.with_gold(m.rows)).get(row.task, {}) for m in materials])


def _section(task: str, systems: Systems, pairs: list[Pair]) -> Section:
    baselines = _baselines(task, list(systems.values()))
    splits = list(dict.fromkeys(split for system in systems.values() for run in system.splits for split in run))
    categories = {
        split: {
            name: error_categories.count(rows) for name, system in systems.items() if (rows := system.pooled(split))
        }
        for split in splits
    }
    return Section(
        task=task,
        metric=TASKS[task].primary_metric,
        rows=[system.row for system in systems.values()],
        pairs=pairs,
        baselines=baselines,
        errors={
            split: {name: error_categories.table(task, counts) for name, counts in by_system.items()}
            for split, by_system in categories.items()
        },
        figures={
            f"{task}_{name}": (caption, figure)
            for name, caption, figure in _figures(task, systems, splits, baselines, categories)
        },
        mistakes={
            (name, split): [mistake(row, label, system.materials[0].examples.get(row.id)) for row, label in wrong]
            for name, system in systems.items()
            for split, rows in system.splits[0].items()
            if (wrong := error_categories.most_confident(rows, MISTAKES))
        },
    )


def _baselines(task: str, systems: Sequence[System]) -> dict[str, dict[str, float]]:
    """Returns means over the runs on the same data. With several data sets, the names include their parameters."""
    several = len({data(system.row) for system in systems}) > 1
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for system in systems:
        place = f", {format_params(dict(data(system.row)))}" if several else ""
        for material in system.materials:
            for name, scored in material.scores.get("baselines", {}).get(task, {}).items():
                for column in COLUMNS:
                    if (value := score(scored, task, column)) is not None:
                        values[f"{name}{place}"][column].append(value)
    return {name: {column: fmean(figures) for column, figures in columns.items()} for name, columns in values.items()}


def _figures(
    task: str,
    systems: Systems,
    splits: Sequence[str],
    baselines: Mapping[str, Mapping[str, float]],
    categories: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> Iterator[tuple[str, str, Figure]]:
    """Yields name, caption and figure. Empty figures are omitted."""
    metric = TASKS[task].primary_metric
    means = {name: {column: system.row.scores[column] for column in SPLITS} for name, system in systems.items()}
    if any(mean for columns in means.values() for mean in columns.values()):
        caption = "Seen and unseen groups; bars: mean over runs, error bars: one standard deviation"
        yield "generalisation", caption, figures.generalisation(means, baselines, metric)
    if any(len(system.materials) > 1 for system in systems.values()):
        yield "seeds", "All runs: how much does the seed change the score?", figures.seeds(_per_run(systems), metric)
    histories = {run: m.history for system in systems.values() for run, m in system.runs() if m.history}
    if histories:
        yield "learning_curves", "Training, for each run", figures.learning_curves(histories)
    for name, system in systems.items():
        matrices = {split: _confusion(task, rows) for split in splits if (rows := system.pooled(split))}
        yield (
            f"confusion_{_file(name)}",
            f"Confusion matrix of {name}, summed over all runs",
            figures.confusion(matrices),
        )
    for split in splits:
        shares = {name: error_categories.shares(counts) for name, counts in categories[split].items()}
        wrong = {name: {c: s for c, s in parts.items() if c != TASKS[task].right} for name, parts in shares.items()}
        yield f"errors_{_file(split)}", f"Categories of errors, {split}", figures.categories(wrong)
        groups = {name: by_group for name, system in systems.items() if (by_group := _groups(task, system, split))}
        if groups:
            yield (
                f"groups_{_file(split)}",
                f"Score of each group, {split}, mean over runs",
                figures.heatmap(groups, metric),
            )
        curves = {name: curve.bins for name, s in systems.items() if (curve := calibration(s.pooled(split)))}
        if curves:
            yield f"calibration_{_file(split)}", f"Calibration, {split}", figures.calibration(curves)


def _per_run(systems: Systems) -> dict[str, dict[str, list[float]]]:
    return {
        name: {
            column: [scores.primary(rows) for run in system.splits if (rows := run.get(split))]
            for column, split in SPLITS.items()
        }
        for name, system in systems.items()
    }


def _confusion(task: str, rows: Rows) -> tuple[list[str], list[list[int]]]:
    matrix = scores.confusion(TASKS[task], rows)
    return matrix["confusion_labels"], matrix["confusion"]


def _groups(task: str, system: System, split: str) -> dict[str, float]:
    runs = [scores.by_group(TASKS[task], run[split]) for run in system.splits if split in run]
    return {
        group: fmean(run[group] for run in runs if group in run)
        for group in dict.fromkeys(group for run in runs for group in run)
    }


def _file(name: str) -> str:
    """Returns a safe and unique name of a file: each unsafe character is replaced by its code."""
    return re.sub(r"[^\w-]", lambda match: f"_{ord(match[0]):x}_", name)

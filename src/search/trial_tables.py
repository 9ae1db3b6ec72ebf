"""The trials of a search as files: a table, the data of DVC's plots, Optuna's plots as HTML that works offline.

Optuna is imported only if there are trials. Without a search, the hpo stage writes the same tables without rows,
because the plots of dvc.yaml need them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.core.files import write_csv

if TYPE_CHECKING:
    from optuna import Study
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.trial import FrozenTrial


def write(folder: Path, studies: Sequence[Study], space: Collection[str]) -> None:
    """Writes trials.csv, history.csv, importances.csv, a file per parameter in slices, and html/*.html.

    Args:
        studies: one per round, in order; the importances are those of the last study.
        space: the names of the parameters that are searched.
    """
    trials = [(number, current, trial) for number, current in enumerate(studies, 1) for trial in _finished(current)]
    header = ["round", "study", "trial", "state", "score", "epochs_run", "seconds", *space, "error"]
    write_csv(folder / "trials.csv", header, [_row(*entry, space) for entry in trials])

    completed = [trial for _, _, trial in trials if trial.state.name == "COMPLETE"]
    scores = [trial.value or 0.0 for trial in completed]
    history = [[i, score, max(scores[: i + 1])] for i, score in enumerate(scores)]
    write_csv(folder / "history.csv", ["completed", "score", "best"], history)
    for key in space:
        write_csv(folder / f"slices/{key}.csv", ["value", "score"], [[t.params[key], t.value] for t in completed])
    shares = importances(studies[-1]) if studies else {}
    write_csv(folder / "importances.csv", ["parameter", "importance"], shares.items())
    if studies:
        _write_html(folder / "html", studies[-1])


def _finished(current: Study) -> list[FrozenTrial]:
    from src.search import study

    return study.finished(current)


def _row(number: int, current: Study, trial: FrozenTrial, space: Collection[str]) -> list[Any]:
    seconds = round(trial.duration.total_seconds(), 1) if trial.duration else None
    score = trial.value if trial.value is not None else max(trial.intermediate_values.values(), default=None)
    values = [trial.params.get(key) for key in space]
    epochs, error = len(trial.intermediate_values), trial.user_attrs.get("error")
    return [number, current.study_name, trial.number, trial.state.name, score, epochs, seconds, *values, error]


def importances(current: Study) -> dict[str, float]:
    """Returns the share of each parameter in the variance of the scores; empty for fewer than two different scores.

    Source: Hutter et al. 2014, fANOVA, in Optuna's implementation with a fixed seed.
    """
    from optuna.importance import get_param_importances

    if len({trial.value for trial in _finished(current) if trial.state.name == "COMPLETE"}) < 2:
        return {}
    return get_param_importances(current, evaluator=_evaluator())


def _evaluator() -> FanovaImportanceEvaluator:
    from optuna.importance import FanovaImportanceEvaluator

    return FanovaImportanceEvaluator(seed=0)


def saved_epochs(studies: Sequence[Study]) -> tuple[int, int]:
    """Returns how many epochs pruning saved, and how many epochs there would be without pruning."""
    trials = [trial for current in studies for trial in _finished(current) if trial.state.name != "FAIL"]
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    planned = sum(trial.user_attrs["epochs"] for trial in trials)
    return sum(trial.user_attrs["epochs"] - len(trial.intermediate_values) for trial in pruned), planned


def _write_html(folder: Path, current: Study) -> None:
    from optuna import visualization

    folder.mkdir(parents=True)
    plots = {"history": visualization.plot_optimization_history(current), "slice": visualization.plot_slice(current)}
    if importances(current):
        plots["importances"] = visualization.plot_param_importances(current, evaluator=_evaluator())
    for name, plot in plots.items():
        plot.write_html(folder / f"{name}.html", include_plotlyjs="directory", div_id=name)  # one shared plotly.min.js

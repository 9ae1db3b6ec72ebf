"""The trials of a search as files: a table, the data of DVC's plots, Optuna's plots as HTML that works offline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna import visualization
from optuna.trial import FrozenTrial, TrialState

from src.files import write_csv
from src.modeling import study


def write(folder: Path, studies: Sequence[optuna.Study]) -> None:
    """Writes trials.csv, history.csv, importances.csv, a file per parameter in slices, and html/*.html.

    Args:
        studies: one per round, the last one last; importances are those of the last.
    """
    trials = [(number, trial) for number, current in enumerate(studies, 1) for trial in study.finished(current)]
    keys = list(dict.fromkeys(key for _, trial in trials for key in trial.params))
    header = ["round", "trial", "state", "score", "epochs_run", "seconds", *keys, "error"]
    write_csv(folder / "trials.csv", header, [_row(number, trial, keys) for number, trial in trials])

    completed = [trial for _, trial in trials if trial.state == TrialState.COMPLETE]
    scores = [trial.value or 0.0 for trial in completed]
    history = [[i, score, max(scores[: i + 1])] for i, score in enumerate(scores)]
    write_csv(folder / "history.csv", ["completed", "score", "best"], history)
    for key in keys:
        write_csv(folder / f"slices/{key}.csv", [key, "score"], [[t.params[key], t.value] for t in completed])
    write_csv(folder / "importances.csv", ["parameter", "importance"], importances(studies[-1]).items())
    _write_html(folder / "html", studies[-1])


def _row(number: int, trial: FrozenTrial, keys: Sequence[str]) -> list[Any]:
    seconds = round(trial.duration.total_seconds(), 1) if trial.duration else None
    score = trial.value if trial.value is not None else max(trial.intermediate_values.values(), default=None)
    values = [trial.params.get(key) for key in keys]
    epochs = len(trial.intermediate_values)
    return [number, trial.number, trial.state.name, score, epochs, seconds, *values, trial.user_attrs.get("error")]


def importances(current: optuna.Study) -> dict[str, float]:
    """Returns the share of each parameter in the spread of scores; empty where too few trials or one score are there.

    Source: Hutter et al. 2014, fANOVA, as Optuna computes it, seeded.
    """
    completed = current.get_trials(states=(TrialState.COMPLETE,))
    if len(completed) < 2 or len({trial.value for trial in completed}) < 2:
        return {}
    return optuna.importance.get_param_importances(current, evaluator=_evaluator())


def saved_epochs(studies: Sequence[optuna.Study]) -> tuple[int, int]:
    """Returns how many epochs pruning saved, and how many there would have been without it."""
    trials = [trial for current in studies for trial in study.finished(current) if trial.state != TrialState.FAIL]
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    planned = sum(trial.user_attrs["epochs"] for trial in trials)
    return sum(trial.user_attrs["epochs"] - len(trial.intermediate_values) for trial in pruned), planned


def _write_html(folder: Path, current: optuna.Study) -> None:
    folder.mkdir(parents=True)
    plots = {"history": visualization.plot_optimization_history(current), "slice": visualization.plot_slice(current)}
    if importances(current):
        plots["importances"] = visualization.plot_param_importances(current, evaluator=_evaluator())
    for name, plot in plots.items():
        plot.write_html(folder / f"{name}.html", include_plotlyjs="directory", div_id=name)  # one plotly.min.js beside


def _evaluator() -> optuna.importance.FanovaImportanceEvaluator:
    return optuna.importance.FanovaImportanceEvaluator(seed=0)

"""Reads the time of the workspace and of its experiments from the files that their stages wrote."""

import csv
from pathlib import Path

from src.analysis import cost
from src.analysis.cost import Spent
from src.core.command_line import warn
from src.core.config import CostParams
from src.core.files import read_json
from src.core.user_errors import UserError
from src.runs import experiments
from src.runs.paths import ENVIRONMENT, LOCK, PARAMS, SEARCH


def spent(rev: str | None, prices: CostParams) -> list[Spent]:
    """Reads the time of each experiment of a commit. Without a commit: of the workspace and of experiments of HEAD."""
    measured = []
    if rev is None and Path(ENVIRONMENT).is_file():
        measured.append(_spent_in(Path(), "workspace", prices))
    elif rev is None:
        warn(
            [
                f"the workspace is not in the table: {ENVIRONMENT} is missing; dvc repro train writes it, dvc pull "
                "downloads it"
            ]
        )
    try:
        listed, baseline = experiments.experiments(rev or "HEAD")
    except UserError as error:
        if not measured:
            raise
        warn([f"only the workspace is in the table: {error}"])
        listed, baseline = [], {}
    warn(experiments.unfinished(listed, baseline))
    for experiment in listed:
        if experiment.state == "success" and experiment.commit:
            name = experiment.run.name
            with experiments.fetched(experiment.commit, LOCK, ENVIRONMENT, SEARCH) as folder:
                if (folder / ENVIRONMENT).is_file():
                    measured.append(_spent_in(folder, name, prices))
                else:
                    warn([f"{name} is not in the table: it trained no model, so {ENVIRONMENT} is missing"])
    for device in dict.fromkeys(work.device for work in measured if work.train.per_hour is None):
        warn([f"no price for {device}: add a word of its name to cost.per_hour of {PARAMS}"])
    return measured


def _spent_in(folder: Path, name: str, prices: CostParams) -> Spent:
    environment = read_json(folder / ENVIRONMENT)
    trials = folder / SEARCH / "trials.csv"
    if not (folder / SEARCH / "study.json").is_file():
        return cost.spent(name, environment, prices)
    workers = experiments.locked_params(folder / LOCK)["hpo.workers"]
    with trials.open(encoding="utf-8", newline="") as file:
        return cost.spent(name, environment, prices, csv.DictReader(file), workers)

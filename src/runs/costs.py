"""What the workspace and its experiments took: read from the files that their stages wrote."""

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
    """Reads what the workspace took, unless a commit is named, and what each of its experiments took."""
    found = []
    if rev is None and Path(ENVIRONMENT).is_file():
        found.append(_spent_in(Path(), "workspace", prices))
    elif rev is None:
        warn(
            [f"the workspace is not in the table: {ENVIRONMENT} is missing; dvc repro train makes it, dvc pull gets it"]
        )
    try:
        listed, baseline = experiments.experiments(rev or "HEAD")
    except UserError as error:
        if not found:
            raise
        warn([f"the workspace alone: {error}"])
        listed, baseline = [], {}
    warn(experiments.unfinished(listed, baseline))
    for one in listed:
        if one.state == "success" and one.commit:
            with experiments.fetched(one.commit, LOCK, ENVIRONMENT, SEARCH) as folder:
                if (folder / ENVIRONMENT).is_file():
                    found.append(_spent_in(folder, one.run.name, prices))
                else:
                    warn([f"{one.run.name} is not in the table: it trained nothing, and has no {ENVIRONMENT}"])
    for device in dict.fromkeys(one.device for one in found if one.train.per_hour is None):
        warn([f"no price for {device}: add a word of its name to cost.per_hour of {PARAMS}"])
    return found


def _spent_in(folder: Path, name: str, prices: CostParams) -> Spent:
    environment = read_json(folder / ENVIRONMENT)
    trials = folder / SEARCH / "trials.csv"
    if not (folder / SEARCH / "study.json").is_file():
        return cost.spent(name, environment, prices)
    workers = experiments.locked_params(folder / LOCK)["hpo.workers"]
    with trials.open(encoding="utf-8", newline="") as file:
        return cost.spent(name, environment, prices, csv.DictReader(file), workers)

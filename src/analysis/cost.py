"""The cost of experiments: the seconds of training and search, times the price per hour of the machine.

models/environment.json has the seconds of training. They exclude loading, evaluation, and the work of a killed run
after its last checkpoint. The seconds of a search are the sum over its trials, divided by hpo.workers, because so many
trials share a machine.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from src.analysis.tables import LATEX, MARKDOWN, TEXT, Style, as_csv
from src.core.config import CostParams
from src.core.user_errors import UserError


@dataclass(frozen=True)
class Work:
    """One training, or one round of a search (a study).

    Attributes:
        key: equal if one experiment took the work from DVC's cache or continued the study of another experiment.
        per_hour: price of one hour of the machine; None if the table of prices has no entry.
    """

    key: str
    seconds: float
    per_hour: float | None

    @property
    def cost(self) -> float | None:
        return None if self.per_hour is None else self.seconds / 3600 * self.per_hour


@dataclass(frozen=True)
class Spent:
    """The work of one experiment. `searches` has one study for each round; it is empty without a search."""

    name: str
    device: str
    train: Work
    searches: Sequence[Work] = ()


class _Setup(BaseModel):
    device: str


class _Environment(BaseModel):
    """The required fields of models/environment.json."""

    device: str
    setup: _Setup
    seconds: float


@dataclass(frozen=True)
class Line:
    """A line of the table: an experiment, or the sum, which is the last line and has no device."""

    experiment: str
    device: str | None
    train_seconds: float
    search_seconds: float
    seconds: float
    cost: float | None


def spent(
    name: str,
    environment: Mapping[str, Any],
    prices: CostParams,
    trials: Iterable[Mapping[str, str]] = (),
    workers: int = 1,
) -> Spent:
    """Reads the time that a run took from the files that it wrote.

    Args:
        environment: models/environment.json. A search records no machine, so this machine counts for the search too.
        trials: rows of metrics/hpo/trials.csv.
        workers: hpo.workers, the number of trials that shared the machine.

    Raises:
        UserError: a file lacks a field that the stage writes.
    """
    try:
        machine = _Environment.model_validate(environment)
    except ValidationError as error:
        raise UserError(
            f"{name}: models/environment.json must have device, setup.device and seconds (a number); run the stage "
            "train again"
        ) from error
    per_hour = price(machine.device, machine.setup.device, prices.per_hour)
    train = Work(json.dumps(environment, sort_keys=True), machine.seconds, per_hour)
    studies: dict[str, float] = defaultdict(float)
    try:
        for trial in trials:
            studies[trial["study"]] += float(trial["seconds"] or 0.0) / workers
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{name}: metrics/hpo/trials.csv must have the columns study and seconds (a number); run the stage hpo "
            "again"
        ) from error
    return Spent(name, machine.device, train, [Work(study, seconds, per_hour) for study, seconds in studies.items()])


def price(device: str, kind: str, per_hour: Mapping[str, float]) -> float | None:
    """Returns the price of one hour: of the longest key in the name of the device, else of its kind (cpu, cuda).

    >>> prices = {"A100": 2.0, "A100-SXM4-80GB": 3.0, "L4": 0.8, "cpu": 0.1}
    >>> [price(name, "cuda", prices) for name in ("NVIDIA A100-PCIE-40GB", "NVIDIA A100-SXM4-80GB", "NVIDIA L40S")]
    [2.0, 3.0, None]
    >>> price("Intel(R) Xeon(R) Processor", "cpu", prices)
    0.1
    """
    matching = [key for key in per_hour if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", device, re.IGNORECASE)]
    return per_hour.get(max(matching, key=len, default=kind))


def lines(experiments: Sequence[Spent]) -> list[Line]:
    """Returns one line for each experiment, then their sum. Equal work counts once in the sum."""
    each = [_line(run.name, run.device, [run.train], run.searches) for run in experiments]
    searches = _once(search for run in experiments for search in run.searches)
    return [*each, _line("all", None, _once(run.train for run in experiments), searches)]


def _once(works: Iterable[Work]) -> list[Work]:
    ascending = sorted(works, key=lambda work: work.seconds)
    return list({work.key: work for work in ascending}.values())  # a continued search counts with its longest time


def _line(name: str, device: str | None, train: Sequence[Work], search: Sequence[Work]) -> Line:
    trained, searched = (sum(work.seconds for work in works) for works in (train, search))
    costs = [work.cost for work in (*train, *search)]
    known = [cost for cost in costs if cost is not None]
    return Line(name, device, trained, searched, trained + searched, sum(known) if len(known) == len(costs) else None)


def render(table: Sequence[Line], prices: CostParams, style: Style) -> str:
    """Renders the table, with times as h:mm:ss, and a note on the prices."""
    headings = ["experiment", "device", "training", "search", "both", f"cost, {prices.currency}"]
    cells = [
        [
            style.escape(line.experiment),
            style.escape(line.device or ""),
            *(str(timedelta(seconds=round(s))) for s in (line.train_seconds, line.search_seconds, line.seconds)),
            "-" if line.cost is None else f"{line.cost:.4f}",
        ]
        for line in table
    ]
    note = f"prices: cost.per_hour of params.yaml, dated {prices.date}; shared work counts once in the sum"
    return f"{style.table(headings, cells)}\n{style.note(note)}"


def _json(table: Sequence[Line], prices: CostParams) -> str:
    value = {"prices": prices.model_dump(), "lines": [asdict(line) for line in table]}
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)


FORMATS: dict[str, Callable[[Sequence[Line], CostParams], str]] = {
    "text": lambda table, prices: render(table, prices, TEXT),
    "md": lambda table, prices: render(table, prices, MARKDOWN),
    "csv": lambda table, prices: as_csv(map(asdict, table)),
    "latex": lambda table, prices: render(table, prices, LATEX),
    "json": _json,
}

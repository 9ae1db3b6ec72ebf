"""What experiments cost: the seconds that their training and their search took, at a price per hour of the machine.

Seconds of training are those of models/environment.json: without loading, evaluation, and what a killed run did after
its last state. Those of a search are its trials', which share a machine with hpo.workers - 1 others.
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
    """A training, or one round of a search: a study.

    Attributes:
        key: equal for two experiments of which one took it from DVC's cache, or went on with it.
        per_hour: price of an hour of its machine; None: the table has none.
    """

    key: str
    seconds: float
    per_hour: float | None

    @property
    def cost(self) -> float | None:
        return None if self.per_hour is None else self.seconds / 3600 * self.per_hour


@dataclass(frozen=True)
class Spent:
    """What one experiment took; searches: a study for each round, none where there was no search."""

    name: str
    device: str
    train: Work
    searches: Sequence[Work] = ()


class _Setup(BaseModel):
    device: str


class _Environment(BaseModel):
    """What is asked of models/environment.json."""

    device: str
    setup: _Setup
    seconds: float


@dataclass(frozen=True)
class Line:
    """A line of the table: an experiment, or as the last one the sum, which has no device."""

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
    """Reads what a run left of the time that it took.

    Args:
        environment: models/environment.json; its machine is taken for that of the search too, which records none.
        trials: of its search: the rows of metrics/hpo/trials.csv.
        workers: hpo.workers, which shared the machine.

    Raises:
        UserError: a file lacks what the stage writes.
    """
    try:
        found = _Environment.model_validate(environment)
    except ValidationError as error:
        raise UserError(
            f"{name}: models/environment.json lacks device, setup.device or seconds, a number, as the stage train "
            "writes them; run it again"
        ) from error
    per_hour = price(found.device, found.setup.device, prices.per_hour)
    train = Work(json.dumps(environment, sort_keys=True), found.seconds, per_hour)
    studies: dict[str, float] = defaultdict(float)
    try:
        for trial in trials:
            studies[trial["study"]] += float(trial["seconds"] or 0.0) / workers
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{name}: metrics/hpo/trials.csv lacks study or seconds, a number, as the stage hpo writes them; run it "
            "again"
        ) from error
    return Spent(name, found.device, train, [Work(study, seconds, per_hour) for study, seconds in studies.items()])


def price(device: str, kind: str, per_hour: Mapping[str, float]) -> float | None:
    """Finds the price of an hour: of the longest key whose words the device's name has, else of its kind (cpu, cuda).

    >>> prices = {"A100": 2.0, "A100-SXM4-80GB": 3.0, "L4": 0.8, "cpu": 0.1}
    >>> [price(name, "cuda", prices) for name in ("NVIDIA A100-PCIE-40GB", "NVIDIA A100-SXM4-80GB", "NVIDIA L40S")]
    [2.0, 3.0, None]
    >>> price("Intel(R) Xeon(R) Processor", "cpu", prices)
    0.1
    """
    fitting = [key for key in per_hour if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", device, re.IGNORECASE)]
    return per_hour.get(max(fitting, key=len, default=kind))


def lines(found: Sequence[Spent]) -> list[Line]:
    """Returns a line per experiment, and their sum, in which equal work counts once."""
    each = [_line(one.name, one.device, [one.train], one.searches) for one in found]
    searches = _once(search for one in found for search in one.searches)
    return [*each, _line("all", None, _once(one.train for one in found), searches)]


def _once(works: Iterable[Work]) -> list[Work]:
    known = sorted(works, key=lambda work: work.seconds)
    return list({work.key: work for work in known}.values())  # the longest, of a search that was gone on with


def _line(name: str, device: str | None, train: Sequence[Work], search: Sequence[Work]) -> Line:
    trained, searched = (sum(work.seconds for work in works) for works in (train, search))
    costs = [work.cost for work in (*train, *search)]
    known = [cost for cost in costs if cost is not None]
    return Line(name, device, trained, searched, trained + searched, sum(known) if len(known) == len(costs) else None)


def render(found: Sequence[Line], prices: CostParams, style: Style) -> str:
    """Renders the table, times as h:mm:ss, and below it what the prices are."""
    headings = ["experiment", "device", "training", "search", "both", f"cost, {prices.currency}"]
    cells = [
        [
            style.escape(line.experiment),
            style.escape(line.device or ""),
            *(str(timedelta(seconds=round(s))) for s in (line.train_seconds, line.search_seconds, line.seconds)),
            "-" if line.cost is None else f"{line.cost:.4f}",
        ]
        for line in found
    ]
    note = f"prices: cost.per_hour of params.yaml, of {prices.date}; work that experiments share counts once in the sum"
    return f"{style.table(headings, cells)}\n{style.note(note)}"


def _json(found: Sequence[Line], prices: CostParams) -> str:
    value = {"prices": prices.model_dump(), "lines": [asdict(line) for line in found]}
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)


FORMATS: dict[str, Callable[[Sequence[Line], CostParams], str]] = {
    "text": lambda found, prices: render(found, prices, TEXT),
    "md": lambda found, prices: render(found, prices, MARKDOWN),
    "csv": lambda found, prices: as_csv(map(asdict, found)),
    "latex": lambda found, prices: render(found, prices, LATEX),
    "json": _json,
}

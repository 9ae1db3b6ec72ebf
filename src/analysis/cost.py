"""What experiments cost: the seconds that their training and their search took, at a price per hour of the machine.

Seconds of training are those of models/environment.json: without loading, evaluation, and what a killed run did after
its last state. Those of a search are its trials', which share a machine with hpo.workers - 1 others.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from src.analysis.tables import LATEX, MARKDOWN, TEXT, Style, as_csv
from src.config import CostParams


@dataclass(frozen=True)
class Work:
    """A training or a search.

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
    """What one experiment took; search: None where there was none."""

    name: str
    device: str
    train: Work
    search: Work | None


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
    study: str | None = None,
    trials: Iterable[Mapping[str, str]] = (),
    workers: int = 1,
) -> Spent:
    """Reads what a run left of the time that it took.

    Args:
        environment: models/environment.json; its machine is taken for that of the search too, which records none.
        study, trials: of its search: the name in metrics/hpo/study.json, and the rows of metrics/hpo/trials.csv.
        workers: hpo.workers, which shared the machine.
    """
    device = environment["device"]
    per_hour = price(device, environment["setup"]["device"], prices.per_hour)
    train = Work(json.dumps(environment, sort_keys=True), environment["seconds"], per_hour)
    searched = sum(float(trial["seconds"] or 0.0) for trial in trials) / workers
    return Spent(name, device, train, Work(study, searched, per_hour) if study else None)


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
    each = [_line(one.name, one.device, [one.train], [one.search] if one.search else []) for one in found]
    return [*each, _line("all", None, _once(one.train for one in found), _once(one.search for one in found))]


def _once(works: Iterable[Work | None]) -> list[Work]:
    known = sorted((work for work in works if work), key=lambda work: work.seconds)
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

"""Cost by hand: a price per hour, seconds of training and of a search, work that is shared.

pytest tests/analysis/test_cost.py
"""

import csv
import io
import json
from typing import Any

import pytest

from src.analysis import cost
from src.analysis.cost import Spent
from src.core.config import CostParams
from src.core.user_errors import UserError

PRICES = CostParams(currency="EUR", date="2026-01-31", per_hour={"H100": 3.6, "H100 80GB": 7.2, "cpu": 0.36})


def environment(seconds: float, device: str = "NVIDIA H100 PCIe", kind: str = "cuda") -> dict[str, Any]:
    return {"device": device, "setup": {"device": kind}, "seconds": seconds}


def searched(name: str, seconds: float, trials: list[str], workers: int = 1, study: str = "s") -> Spent:
    return cost.spent(name, environment(seconds), PRICES, [{"study": study, "seconds": t} for t in trials], workers)


def test_an_experiment_costs_its_seconds_at_the_price_of_its_machine() -> None:
    line, total = cost.lines([cost.spent("one", environment(500.0), PRICES)])
    assert (line.train_seconds, line.search_seconds, line.seconds, line.cost) == (500.0, 0.0, 500.0, pytest.approx(0.5))
    assert (total.experiment, total.device, total.cost) == ("all", None, line.cost)


def test_a_search_counts_with_its_trials_which_share_the_machine_with_its_other_workers() -> None:
    line, _ = cost.lines([searched("one", 100.0, ["300.0", "", "500.0"], workers=2)])
    assert (line.train_seconds, line.search_seconds, line.seconds) == (100.0, 400.0, 500.0)
    assert line.cost == pytest.approx(0.5)


def test_work_that_experiments_share_counts_once_in_the_sum() -> None:
    """A grid of three shares a search, which the last went on with; the second took its training from the cache."""
    found = [searched("a", 100.0, ["50"]), searched("b", 100.0, ["50"]), searched("c", 20.0, ["50", "30"])]
    *each, total = cost.lines(found)
    assert [line.seconds for line in each] == [150.0, 150.0, 100.0]
    assert (total.train_seconds, total.search_seconds, total.seconds) == (120.0, 80.0, 200.0)
    assert total.cost == pytest.approx(0.2)


def test_each_round_of_a_search_is_work_that_experiments_may_share() -> None:
    def rounds(second: str) -> Spent:
        trials = [{"study": "first", "seconds": "30"}, {"study": second, "seconds": "10"}]
        return cost.spent(second, environment(100.0), PRICES, trials)

    *each, total = cost.lines([rounds("one"), rounds("other")])
    assert [line.search_seconds for line in each] == [40.0, 40.0]
    assert total.search_seconds == 50.0


@pytest.mark.parametrize("changes", [{"seconds": "x"}, {"seconds": None}, {"setup": {}}, {"device": 3}])
def test_an_environment_that_training_did_not_write_is_refused_by_its_name(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^workspace: models/environment\.json must have device"):
        cost.spent("workspace", environment(1.0) | changes, PRICES)
    with pytest.raises(UserError, match=r"environment\.json must have device"):
        cost.spent("workspace", {"seconds": "x"}, PRICES)


@pytest.mark.parametrize("trial", [{"seconds": "3"}, {"study": "s"}, {"study": "s", "seconds": "x"}])
def test_trials_that_a_search_did_not_write_are_refused_by_their_name(trial: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"^one: metrics/hpo/trials\.csv must have the columns study and seconds"):
        cost.spent("one", environment(1.0), PRICES, [trial])


@pytest.mark.parametrize(
    ("device", "kind", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", "cuda", 7.2),
        ("nvidia h100 pcie", "cuda", 3.6),
        ("NVIDIA H1000", "cuda", None),
        ("AMD EPYC 7B13", "cpu", 0.36),
        ("NVIDIA H100 PCIe", "cpu", 3.6),  # of the machine, whatever it trained on
    ],
)
def test_the_longest_key_in_whole_words_has_the_price(device: str, kind: str, expected: float | None) -> None:
    assert cost.price(device, kind, PRICES.per_hour) == expected


def test_without_a_price_the_time_alone_is_told_and_the_sum_has_no_cost() -> None:
    found = [cost.spent("a", environment(60.0), PRICES), cost.spent("b", environment(3600.0, "NVIDIA T4"), PRICES)]
    *_, unpriced, total = cost.lines(found)
    assert (unpriced.seconds, unpriced.cost, total.seconds, total.cost) == (3600.0, None, 3660.0, None)
    assert cost.FORMATS["text"](cost.lines(found), PRICES).splitlines()[3].split() == [
        "b", "NVIDIA", "T4", "1:00:00", "0:00:00", "1:00:00", "-",
    ]  # fmt: skip


@pytest.mark.parametrize("form", cost.FORMATS)
def test_every_form_has_each_experiment_the_sum_and_of_tables_for_people_the_date_of_the_prices(form: str) -> None:
    found = cost.lines([cost.spent("one", environment(500.0), PRICES)])
    text = cost.FORMATS[form](found, PRICES)
    if form == "csv":
        assert [row["cost"] for row in csv.DictReader(io.StringIO(text))] == ["0.5", "0.5"]
    elif form == "json":
        value = json.loads(text)
        assert [line["cost"] for line in value["lines"]] == [0.5, 0.5]
        assert value["prices"]["date"] == "2026-01-31"
    else:
        assert "0:08:20" in text
        assert "cost, EUR" in text
        assert "2026-01-31" in text

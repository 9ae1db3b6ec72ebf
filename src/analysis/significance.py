"""Is one system better than another? Tests over rows and over seeds, corrected for the number of pairs."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

from src.analysis.same_rows import align
from src.analysis.scores import resampled, with_gold
from src.core.records import Prediction
from src.tasks import TASKS

EXACT_BELOW = 25  # discordant rows; from 25 on, the chi-squared approximation of McNemar's test is good
SAMPLES = 10_000

Runs = Mapping[str, Sequence[Prediction]]  # {seed or fold: rows}


class Seeds(NamedTuple):
    """The paired t-test over seeds, and the effect size: Cohen's d_z, the mean difference divided by its sample sd."""

    t: float
    p: float
    d_z: float


@dataclass(frozen=True)
class Pair:
    """Two systems on one task and split.

    Attributes:
        difference: mean primary metric of the first system minus the mean of the second.
        interval: 95 % interval of the paired bootstrap over rows.
        test: the test over rows. mcnemar: both systems predict labels and have one run; is one of them correct more
            often? bootstrap: in all other cases; compares the primary metric, averaged over runs.
        p: the p-value of `test`.
        runs: number of pairs of runs with the same seed.
        seeds: the test over these pairs; None for fewer than two.
        p_holm, seeds_p_holm: p-values, corrected over all pairs of the same task and split.
    """

    task: str
    split: str
    first: str
    second: str
    metric: str
    difference: float
    interval: tuple[float, float]
    test: str
    p: float
    runs: int
    seeds: Seeds | None
    p_holm: float = math.nan
    seeds_p_holm: float | None = None


def pairs(systems: Mapping[str, Runs], samples: int = SAMPLES) -> list[Pair]:
    """Compares every two systems on every task and split that both have. Rows without gold are skipped.

    Raises:
        UserError: the runs have different rows.
    """
    places: dict[tuple[str, str], dict[str, dict[str, list[Prediction]]]] = defaultdict(lambda: defaultdict(dict))
    for name, runs in systems.items():
        for run, rows in runs.items():
            for row in with_gold(rows):
                places[row.task, row.split][name].setdefault(run, []).append(row)
    return [pair for place in sorted(places) for pair in _of_place(places[place], samples)]


def _of_place(systems: Mapping[str, Runs], samples: int) -> list[Pair]:
    keys = [(name, run) for name, runs in systems.items() for run in runs]
    aligned = align({" ".join(filter(None, (name, run))): systems[name][run] for name, run in keys})
    tested: dict[str, list[_Run]] = defaultdict(list)
    for (name, run), rows in zip(keys, aligned.values(), strict=True):
        tested[name].append(_run(run, rows, samples))
    return _holm([_pair(a, b, tested[a], tested[b]) for a, b in combinations(tested, 2)])


class _Run(NamedTuple):
    """The rows of a run, their primary metric, and the primary metrics of resampled rows."""

    name: str
    rows: Sequence[Prediction]
    score: float
    draws: np.ndarray


def _run(name: str, rows: Sequence[Prediction], samples: int) -> _Run:
    task = TASKS[rows[0].task]
    tally = task.tally(rows)
    return _Run(name, rows, float(task.primary(tally.sum(axis=0))), resampled(task, tally, samples))


def _pair(first: str, second: str, a: Sequence[_Run], b: Sequence[_Run]) -> Pair:
    example = a[0].rows[0]
    difference = fmean(run.score for run in a) - fmean(run.score for run in b)
    draws = np.mean([run.draws for run in a], axis=0) - np.mean([run.draws for run in b], axis=0)
    low, high = np.percentile(draws, [2.5, 97.5])
    matched = _matched(a, b)
    by_labels = TASKS[example.task].exclusive_labels and len(a) == len(b) == 1
    return Pair(
        task=example.task,
        split=example.split,
        first=first,
        second=second,
        metric=TASKS[example.task].primary_metric,
        difference=difference,
        interval=(float(low), float(high)),
        test="mcnemar" if by_labels else "bootstrap",
        p=mcnemar(a[0].rows, b[0].rows) if by_labels else bootstrap(draws, difference),
        runs=len(matched),
        seeds=over_seeds([x.score for x, y in matched], [y.score for x, y in matched]),
    )


def _matched(a: Sequence[_Run], b: Sequence[_Run]) -> list[tuple[_Run, _Run]]:
    """Pairs the runs with equal names (seed or fold). If both systems have one run, the names do not matter."""
    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    named = {run.name: run for run in b}
    return [(run, named[run.name]) for run in a if run.name in named]


def mcnemar(first: Sequence[Prediction], second: Sequence[Prediction]) -> float:
    """Returns the p-value of McNemar's test: of the rows that only one system has right, do most belong to one system?

    The test is exact (binomial) below 25 discordant rows, else chi-squared with continuity correction.

    Source: McNemar 1947; statsmodels.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    correct = [(bool(a.correct), bool(b.correct)) for a, b in zip(first, second, strict=True)]
    only_first, only_second = correct.count((True, False)), correct.count((False, True))
    if only_first == only_second:
        return 1.0  # the continuity correction would report a difference
    table = [[correct.count((True, True)), only_first], [only_second, correct.count((False, False))]]
    return float(test(table, exact=only_first + only_second < EXACT_BELOW, correction=True).pvalue)


def bootstrap(differences: np.ndarray, observed: float) -> float:
    """Returns the two-sided p-value of a paired bootstrap: how often is a difference this large due to chance?

    Args:
        differences: of the metric; each draw has the same rows for both systems. Shape: (samples,).

    Source: Berg-Kirkpatrick et al. 2012, An Empirical Investigation of Statistical Significance in NLP.
    """
    extreme = np.abs(differences - observed) >= abs(observed) - 1e-12
    return float((1 + extreme.sum()) / (1 + len(differences)))


def over_seeds(first: Sequence[float], second: Sequence[float]) -> Seeds | None:
    """Tests paired scores, one pair for each seed. Returns None for fewer than two, or if all differences are equal.

    Source: Student 1908, scipy; Cohen 1988 (d_z).

    >>> [round(figure, 4) for figure in over_seeds([0.9, 0.8, 0.9], [0.7, 0.7, 0.8])]
    [4.0, 0.0572, 2.3094]
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    if len(differences) < 2 or stdev(differences) < 1e-12:
        return None
    from scipy.stats import ttest_rel

    test = ttest_rel(first, second)
    return Seeds(float(test.statistic), float(test.pvalue), fmean(differences) / stdev(differences))


def _holm(tested: Sequence[Pair]) -> list[Pair]:
    """Corrects both kinds of p-values over the pairs of one task and split."""
    by_rows = holm([pair.p for pair in tested])
    seeded = [i for i, pair in enumerate(tested) if pair.seeds]
    by_seeds = dict(zip(seeded, holm([pair.seeds.p for pair in tested if pair.seeds]), strict=True))
    return [replace(pair, p_holm=by_rows[i], seeds_p_holm=by_seeds.get(i)) for i, pair in enumerate(tested)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for the number of tests.

    Source: Holm 1979; statsmodels.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]

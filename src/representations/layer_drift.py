"""Drift: how much fine-tuning has changed each layer of an encoder, compared with its base.

There are two measures. `1 - linear CKA` measures the change of the similarities between examples; rotation and scaling
of a layer do not change it. The mean cosine compares the state of each example with its state in the base; rotation
changes it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from src.analysis.grouping import Statistic, statistic
from src.analysis.significance import Seeds, holm, over_seeds
from src.core.user_errors import UserError
from src.representations.states_file import Representations

MEASURES = {"cka_distance": "1 - CKA", "cosine": "cosine"}  # {measure: heading}

Runs = Mapping[str, "Drift"]  # {seed: drift}


class Drift(NamedTuple):
    """The drift of one model: a value per layer, the embeddings first. `cosine` is the mean over examples."""

    cka_distance: list[float]
    cosine: list[float]


@dataclass(frozen=True)
class Paired:
    """The comparison of two systems on one layer, paired by seed.

    Attributes:
        difference: mean of the first minus mean of the second, over the seeds that both have.
        seeds: the test; None if all differences are equal.
        p_holm: p corrected over the layers of the same two systems and measure.
    """

    first: str
    second: str
    measure: str
    layer: int
    difference: float
    runs: int
    seeds: Seeds | None
    p_holm: float | None


def check(base: Representations, model: Representations, names: tuple[str, str]) -> None:
    """Checks that two files contain the same examples and comparable states.

    Raises:
        UserError: names both files and the difference.
    """
    a, b = base.about, model.about
    prefix = f"{names[1]} cannot be compared with {names[0]}: "
    if a.ids != b.ids or a.texts != b.texts:
        raise UserError(
            f"{prefix}they contain different examples ({len(b.ids)} and {len(a.ids)}); make both with the same "
            "--examples and data"
        )
    if a.inputs != b.inputs:
        raise UserError(
            f"{prefix}the texts were split into different sub-words; make the base with the model, seed, task and "
            "train.max_length that the model was trained with"
        )
    if a.start and b.start and a.start != b.start:
        raise UserError(
            f"{prefix}its training started from {b.start}, but the base is {a.start}; make the base with the "
            "model, task, seed and revision that the model was trained with"
        )
    if a.pooling != b.pooling:
        raise UserError(f"{prefix}their pooling is {b.pooling} and {a.pooling}; make both with the same pooling")
    if base.states.shape != model.states.shape:
        shapes = " and ".join("{} layers of width {}".format(*file.states.shape[1:]) for file in (model, base))
        raise UserError(f"{prefix}they have {shapes}; compare a model with the model that its training started from")


def drift(base: Representations, model: Representations, name: str) -> Drift:
    """Measures every layer.

    Args:
        name: name of the model's file, for the message.

    Raises:
        UserError: a layer has the same state for all examples, or a state of zeros.
    """
    layers = range(base.states.shape[1])
    pairs = [(base.states[:, layer].astype(float), model.states[:, layer].astype(float)) for layer in layers]
    for layer, pair in zip(layers, pairs, strict=True):
        if any(not np.ptp(states, axis=0).any() for states in pair):
            raise UserError(
                f"{name}: layer {layer} of the model or its base has the same state for all examples, so its drift is "
                "undefined; use a model that distinguishes examples"
            )
        if any(not states.any(axis=1).all() for states in pair):
            raise UserError(
                f"{name}: layer {layer} of the model or its base has a state of zeros, so its cosine is undefined; "
                "use another model or other examples"
            )
    return Drift([max(0.0, 1 - cka(*pair)) for pair in pairs], [cosine(*pair) for pair in pairs])


def cka(first: np.ndarray, second: np.ndarray) -> float:
    """Returns linear CKA, from 0 to 1: how well the similarities between examples agree in both.

    Multiplies features or examples, whichever are fewer; the result is the same. With fewer examples than features,
    CKA is biased towards 1: for two independent Gaussian samples it is about features / (features + samples).

    Shape: (samples, features) each; the numbers of features may differ.
    Source: Kornblith et al. 2019, Similarity of Neural Network Representations Revisited, sections 3 and 4.

    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 5.0]])
    >>> round(cka(x, 3 * x[:, ::-1] + 1), 12)
    1.0
    """
    x, y = (_centred(states) for states in (first, second))
    if len(x) < max(x.shape[1], y.shape[1]):
        k, m = x @ x.T, y @ y.T
        return float((k * m).sum() / (np.linalg.norm(k) * np.linalg.norm(m)))
    return float(np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def _centred(states: np.ndarray) -> np.ndarray:
    centred = states - states.mean(axis=0)
    return centred / np.linalg.norm(centred)  # CKA ignores scale; this prevents overflow


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the mean over examples of the cosine of two states. Shape: (samples, features) each."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(((first * second).sum(axis=1) / lengths).mean())


def means(systems: Mapping[str, Runs]) -> dict[str, dict[str, list[Statistic]]]:
    """Returns {system: {measure: mean and sample standard deviation over its runs, per layer}}."""
    return {
        name: {
            measure: [result for values in _per_layer(runs.values(), measure) if (result := statistic(values))]
            for measure in MEASURES
        }
        for name, runs in systems.items()
    }


def _per_layer(runs: Collection[Drift], measure: str) -> list[list[float]]:
    """Shape: (layers, runs)."""
    return [list(values) for values in zip(*(getattr(run, measure) for run in runs), strict=True)]


def tests(systems: Mapping[str, Runs]) -> tuple[list[Paired], list[str]]:
    """Compares every two systems on every layer by a paired t-test over the seeds that both have.

    Returns:
        Comparisons, and warnings for the reader.
    """
    comparisons: list[Paired] = []
    warnings: list[str] = []
    for first, second in combinations(systems, 2):
        seeds = [seed for seed in systems[first] if seed in systems[second]]
        if len(seeds) < 2:
            if max(len(systems[first]), len(systems[second])) > 1:
                warnings.append(f"{first} and {second} are not tested: seeds in common: {len(seeds)}, needed: 2")
            continue
        if len(seeds) < 6:
            warnings.append(
                f"{first} and {second}: seeds in common: {len(seeds)}; the paired t-test assumes normal differences; "
                "a test without this assumption cannot reach p < .05 below 6 seeds"
            )
        for measure in MEASURES:
            a, b = (_per_layer([systems[name][seed] for seed in seeds], measure) for name in (first, second))
            comparisons += _compare_layers(first, second, measure, a, b)
    return comparisons, warnings


def _compare_layers(
    first: str, second: str, measure: str, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]
) -> list[Paired]:
    tested = [over_seeds(*pair) for pair in zip(a, b, strict=True)]
    corrected = iter(holm([seeds.p for seeds in tested if seeds]))
    return [
        Paired(
            first,
            second,
            measure,
            layer,
            float(np.mean(first_values) - np.mean(second_values)),
            len(first_values),
            seeds,
            next(corrected) if seeds else None,
        )
        for layer, (first_values, second_values, seeds) in enumerate(zip(a, b, tested, strict=True))
    ]

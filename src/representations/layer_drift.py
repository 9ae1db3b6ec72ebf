"""Drift: how far fine-tuning has moved an encoder from its base, layer by layer.

Two measures: 1 - linear CKA, which asks whether examples are still as like one another as they were (to rotate or scale
a layer is no drift), and the mean cosine of an example's state with its state in the base (to rotate is).
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

MEASURES = {"cka_distance": "1 - CKA", "cosine": "cosine"}  # and their headings

Runs = Mapping[str, "Drift"]  # {seed: its drift}


class Drift(NamedTuple):
    """Of one model: a value per layer, the output of the embeddings first. `cosine` is the mean over examples."""

    cka_distance: list[float]
    cosine: list[float]


@dataclass(frozen=True)
class Paired:
    """Two systems on one layer, paired by seeds.

    Attributes:
        difference: mean of the first minus that of the second, over the seeds that both have.
        seeds: None where both are equal, or where all differences are.
        p_holm: corrected over the layers of the same two systems and measure.
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
    """Refuses to compare what is not of the same examples, read alike.

    Raises:
        UserError: names both files and what differs.
    """
    one, other = base.about, model.about
    where = f"{names[1]} cannot be compared with {names[0]}: "
    if one.ids != other.ids or one.texts != other.texts:
        raise UserError(
            f"{where}they are of other examples ({len(one.ids)} and {len(other.ids)}); make both with the same "
            "--examples and data"
        )
    if one.inputs != other.inputs:
        raise UserError(
            f"{where}the texts were read as other sub-words; make the base with the model, seed, task and "
            "train.max_length that the model was trained with"
        )
    if one.start and other.start and one.start != other.start:
        raise UserError(
            f"{where}its training started from {other.start}, and the base is {one.start}; make the base with the "
            "model, task, seed and revision that the model was trained with"
        )
    if one.pooling != other.pooling:
        raise UserError(f"{where}their pooling is {one.pooling} and {other.pooling}")
    if base.states.shape != model.states.shape:
        shapes = " and ".join("{} layers of width {}".format(*found.states.shape[1:]) for found in (base, model))
        raise UserError(f"{where}they have {shapes}; a model is compared with what it was trained from")


def drift(base: Representations, model: Representations, name: str) -> Drift:
    """Measures every layer.

    Args:
        name: of the model's file, for the message.

    Raises:
        UserError: a layer has the same state for all examples, or a state of zeros.
    """
    layers = range(base.states.shape[1])
    pairs = [(base.states[:, layer].astype(float), model.states[:, layer].astype(float)) for layer in layers]
    for layer, pair in zip(layers, pairs, strict=True):
        if any(not np.ptp(states, axis=0).any() for states in pair):
            raise UserError(f"{name}: layer {layer}, or that of its base, has one state for all examples: no drift")
        if any(not states.any(axis=1).all() for states in pair):
            raise UserError(f"{name}: layer {layer}, or that of its base, has a state of zeros, which has no cosine")
    return Drift([max(0.0, 1 - cka(*pair)) for pair in pairs], [cosine(*pair) for pair in pairs])


def cka(first: np.ndarray, second: np.ndarray) -> float:
    """Returns linear CKA: how alike the likeness of examples to one another is, from 0 to 1.

    Works on products of features or of examples, whichever are fewer; both give the same. Of fewer examples than
    features it leans towards 1: of two unrelated Gaussian clouds it is features / (features + samples).

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
    return centred / np.linalg.norm(centred)  # of scale nothing is left that could overflow


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the mean over examples of the cosine of two states. Shape: (samples, features) each."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(((first * second).sum(axis=1) / lengths).mean())


def means(systems: Mapping[str, Runs]) -> dict[str, dict[str, list[Statistic]]]:
    """Returns {system: {measure: mean and sample standard deviation over its runs, per layer}}."""
    return {
        name: {
            measure: [found for values in _per_layer(runs.values(), measure) if (found := statistic(values))]
            for measure in MEASURES
        }
        for name, runs in systems.items()
    }


def _per_layer(runs: Collection[Drift], measure: str) -> list[list[float]]:
    """Shape: (layers, runs)."""
    return [list(values) for values in zip(*(getattr(run, measure) for run in runs), strict=True)]


def tests(systems: Mapping[str, Runs]) -> tuple[list[Paired], list[str]]:
    """Tests every two systems on every layer by the paired t-test over the seeds that both have.

    Returns:
        Tests, and what a reader must know of them.
    """
    found: list[Paired] = []
    warnings: list[str] = []
    for first, second in combinations(systems, 2):
        seeds = [seed for seed in systems[first] if seed in systems[second]]
        if len(seeds) < 2:
            if max(len(systems[first]), len(systems[second])) > 1:
                warnings.append(f"{first} and {second} are not tested: seeds in common: {len(seeds)}, 2 are needed")
            continue
        if len(seeds) < 6:
            warnings.append(
                f"{first} and {second}: seeds in common: {len(seeds)}; the paired t-test takes their differences to be "
                "normal, and a test that does not could not reach .05 below 6"
            )
        for measure in MEASURES:
            a, b = (_per_layer([systems[name][seed] for seed in seeds], measure) for name in (first, second))
            found += _of_layers(first, second, measure, a, b)
    return found, warnings


def _of_layers(
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
            float(np.mean(one) - np.mean(other)),
            len(one),
            seeds,
            next(corrected) if seeds else None,
        )
        for layer, (one, other, seeds) in enumerate(zip(a, b, tested, strict=True))
    ]

"""Drift against formulas written out, and against what must not change it.

pytest tests/representations/test_layer_drift.py
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from src.analysis.significance import holm
from src.core.user_errors import UserError
from src.representations import drift_table, layer_drift
from src.representations.drift_figure import drift_figure
from src.representations.layer_drift import MEASURES, Drift, check, cka, cosine, means, tests
from src.representations.states_file import Representations
from tests.representations.test_states_file import ABOUT

tests.__test__ = False  # type: ignore[attr-defined]  # it is no test


SHAPES = [(40, 5), (12, 12), (6, 30)]  # more examples than features, as many, fewer


def states(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).normal(loc=3, size=shape)


def rotation(seed: int, width: int) -> np.ndarray:
    return np.linalg.qr(states(seed, (width, width)))[0]


def naive(x: np.ndarray, y: np.ndarray) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with a centring matrix, as Kornblith et al. write it."""
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        return np.trace(k @ h @ m @ h) / (n - 1) ** 2

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 99), scale=st.floats(1e-6, 1e6))
def test_rotation_scale_and_place_are_no_drift(shape: tuple[int, int], seed: int, scale: float) -> None:
    x = states(seed, shape)
    assert cka(x, x) == pytest.approx(1, abs=1e-12)
    moved = scale * x @ rotation(seed, shape[1]) + states(seed + 1, (1, shape[1]))
    assert cka(x, moved) == pytest.approx(1, abs=1e-9)
    y = states(seed + 2, shape)
    assert cka(moved, y) == pytest.approx(cka(x, y), abs=1e-9)
    assert cka(y, x) == pytest.approx(cka(x, y), abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_formula_of_the_paper(shape: tuple[int, int]) -> None:
    x, y = states(0, shape), states(1, shape)
    assert cka(x, y) == pytest.approx(naive(x, y), rel=1e-10)
    assert 0 < cka(x, y) < 0.99
    narrow = states(2, (shape[0], 3))  # another width
    assert cka(x, narrow) == pytest.approx(naive(x, narrow), rel=1e-10)


def test_a_value_by_hand() -> None:
    """Centred, these are (-1, 0, 1) and (-1, 2, -1) / 3 and so on: their Gram matrices have nothing in common."""
    x, y = np.array([[-1.0], [0.0], [1.0]]), np.array([[-1.0], [2.0], [-1.0]])
    assert cka(x, y) == pytest.approx(0, abs=1e-15)
    assert cka(x, x + y) == pytest.approx(1 / 4)  # cos² of x and x + y: (2 / sqrt(2 * 8))²


def test_figures_beyond_the_range_of_float32_products_are_measured() -> None:
    x = states(0, (10, 40)) * 1e30
    assert cka(x, x * 1e100) == pytest.approx(1)


@pytest.mark.parametrize(("samples", "width"), [(50, 200), (200, 200), (200, 50)])
def test_unrelated_clouds_seem_alike_where_examples_are_few(samples: int, width: int) -> None:
    x, y = states(3, (samples, width)), states(4, (samples, width))
    assert cka(x, y) == pytest.approx(width / (width + samples), abs=0.03)


def test_cosine_by_hand_and_that_it_sees_rotation_but_no_scale() -> None:
    x = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert cosine(x, 7 * x) == pytest.approx(1)
    assert cosine(x, np.array([[1.0, 1.0], [0.0, -1.0]])) == pytest.approx((np.sqrt(0.5) - 1) / 2)
    assert cosine(x, x @ np.array([[0.0, 1.0], [-1.0, 0.0]])) == pytest.approx(0)


def found(seed: int, layers: int = 3) -> Representations:
    values = np.random.default_rng(seed).normal(size=(8, layers, 4)).astype(np.float32)
    return Representations(values, replace(ABOUT, ids=[str(i) for i in range(8)]))


def test_each_layer_is_measured_by_itself() -> None:
    base, model = found(0), found(0)
    model.states[:, 1] = found(1).states[:, 1]
    measured = layer_drift.drift(base, model, "m")
    assert measured.cka_distance[0] == measured.cka_distance[2] == 0
    assert measured.cka_distance[1] == pytest.approx(1 - naive(base.states[:, 1], model.states[:, 1]), abs=1e-6)
    assert [round(value, 9) == 1 for value in measured.cosine] == [True, False, True]


def test_a_state_of_zeros_is_refused_for_it_has_no_cosine() -> None:
    model = found(2)
    model.states[0, 1] = 0
    with pytest.raises(UserError, match=r"^m\.safetensors: layer 1.* has a state of zeros"):
        layer_drift.drift(found(1), model, "m.safetensors")


def test_a_layer_that_says_the_same_of_all_examples_is_refused() -> None:
    model = found(1)
    model.states[:, 2] = 5
    with pytest.raises(UserError, match=r"^m\.safetensors: layer 2"):
        layer_drift.drift(found(0), model, "m.safetensors")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ids": [str(i) for i in range(1, 9)]}, "different examples"),
        ({"texts": "3" * 64}, "different examples"),
        ({"inputs": "3" * 64}, r"sub-words; .* train\.max_length"),
        ({"pooling": "first"}, "pooling is first and mean"),
    ],
)
def test_what_is_not_of_the_same_examples_read_alike_is_refused(changes: dict[str, str], word: str) -> None:
    base, model = found(0), found(1)
    check(base, model, ("b", "m"))
    with pytest.raises(UserError, match=f"^m cannot be compared with b: .*{word}"):
        check(base, Representations(model.states, replace(model.about, **changes)), ("b", "m"))  # type: ignore[arg-type]


def test_other_layers_are_refused_with_both_shapes() -> None:
    with pytest.raises(UserError, match="5 layers of width 4 and 3 layers of width 4"):
        check(found(0), found(1, layers=5), ("b", "m"))


SYSTEMS = {
    "full": {seed: Drift([0.0, x], [1.0, y]) for seed, x, y in (("1", 0.5, 0.2), ("2", 0.7, 0.3), ("3", 0.6, 0.1))},
    "lora": {seed: Drift([0.0, x], [1.0, y]) for seed, x, y in (("2", 0.3, 0.8), ("1", 0.2, 0.9), ("4", 0.9, 0.0))},
    "frozen": {"1": Drift([0.0, 0.0], [1.0, 1.0])},
}  # fmt: skip


def test_means_and_sample_standard_deviations_are_over_the_runs_of_a_layer() -> None:
    found = means(SYSTEMS)
    assert found["full"]["cka_distance"][1].mean == pytest.approx(0.6)
    assert found["full"]["cka_distance"][1].sd == pytest.approx(0.1)
    assert found["full"]["cosine"][1].runs == 3
    assert found["frozen"]["cosine"][1].sd is None


def test_systems_are_tested_over_the_seeds_that_both_have() -> None:
    tested, warnings = tests(SYSTEMS)
    assert {(t.first, t.second) for t in tested} == {("full", "lora")}
    assert {t.measure for t in tested} == set(MEASURES)
    (first, second) = (t for t in tested if t.measure == "cka_distance")
    assert first.seeds is None  # the embeddings are equal in all
    assert first.p_holm is None
    expected = stats.ttest_rel([0.5, 0.7], [0.2, 0.3])
    assert second.seeds is not None
    assert second.seeds.p == pytest.approx(expected.pvalue)
    assert second.p_holm == pytest.approx(expected.pvalue)  # of one layer
    assert second.difference == pytest.approx(0.35)
    assert second.runs == 2
    assert any("full and frozen are not tested: seeds in common: 1" in line for line in warnings)
    assert any("full and lora: seeds in common: 2;" in line and "below 6" in line for line in warnings)


def test_of_one_run_each_nothing_is_said_of_seeds() -> None:
    assert tests({name: {"": Drift([0.1], [0.9])} for name in ("step 1", "step 2")}) == ([], [])


def test_p_values_are_corrected_over_layers() -> None:
    rng = np.random.default_rng(0)
    systems = {
        name: {str(seed): Drift(*rng.uniform(size=(2, 5)).tolist()) for seed in range(6)} for name in ("full", "lora")
    }
    tested, warnings = tests(systems)
    assert warnings == []
    for measure in MEASURES:
        own = [t for t in tested if t.measure == measure]
        assert [t.p_holm for t in own] == pytest.approx(holm([t.seeds.p for t in own if t.seeds]))


@pytest.mark.parametrize("form", drift_table.FORMATS)
def test_every_form_has_every_layer_of_every_system(form: str) -> None:
    tested, _ = tests(SYSTEMS)
    text = drift_table.FORMATS[form](means(SYSTEMS), tested)
    for name in SYSTEMS:
        assert name in text
    assert "0.6" in text


def test_lines_that_lie_on_one_another_are_told_apart_by_dashes_and_by_markers_within_one_another() -> None:
    same = means({name: {"": Drift([0.0, 0.1], [1.0, 0.9])} for name in "abcd"})
    for ax in drift_figure(same).axes:
        assert (
            len({line.get_linestyle() for line in ax.lines}) == len({line.get_markersize() for line in ax.lines}) == 4
        )
        assert {line.get_markerfacecolor() for line in ax.lines} == {"none"}
        assert ax.get_ylabel()

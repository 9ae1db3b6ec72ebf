"""Cross entropy and softmax against their formulas.

pytest tests/tasks/test_loss.py
"""

import math

import numpy as np
import pytest
import torch

from src.tasks.loss import IGNORED, cross_entropy, softmax

THIRDS = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))  # logits of these probabilities


def test_the_ignored_target_is_the_one_that_torch_passes_over() -> None:
    assert torch.nn.CrossEntropyLoss().ignore_index == IGNORED


def test_cross_entropy_is_minus_the_log_probability_of_the_target() -> None:
    assert cross_entropy(THIRDS, torch.tensor([0]), None, 0.0).item() == pytest.approx(math.log(2))
    assert cross_entropy(THIRDS, torch.tensor([2]), None, 0.0).item() == pytest.approx(math.log(4))


def test_cross_entropy_is_a_mean_over_targets_whatever_their_shape() -> None:
    logits = THIRDS.expand(2, 3, 3)
    targets = torch.tensor([[0, 1, IGNORED], [IGNORED, IGNORED, 0]])
    expected = (math.log(2) + math.log(4) + math.log(2)) / 3
    assert cross_entropy(logits, targets, None, 0.0).item() == pytest.approx(expected)


def test_class_weights_make_it_a_weighted_mean() -> None:
    logits, targets = THIRDS.expand(2, 3), torch.tensor([0, 1])
    expected = (1 * math.log(2) + 3 * math.log(4)) / (1 + 3)
    assert cross_entropy(logits, targets, torch.tensor([1.0, 3.0, 7.0]), 0.0).item() == pytest.approx(expected)


def test_label_smoothing_gives_each_label_its_share() -> None:
    expected = 0.7 * math.log(2) + 0.3 * (math.log(2) + math.log(4) + math.log(4)) / 3
    assert cross_entropy(THIRDS, torch.tensor([0]), None, 0.3).item() == pytest.approx(expected)


def test_focal_loss_weighs_what_is_certain_less() -> None:
    logits, targets = THIRDS.expand(2, 3), torch.tensor([0, 1])
    plain = (0.5**2 * math.log(2) + 0.75**2 * math.log(4)) / 2
    assert cross_entropy(logits, targets, focal_gamma=2.0).item() == pytest.approx(plain)
    weighted = (1 * 0.5**2 * math.log(2) + 3 * 0.75**2 * math.log(4)) / (1 + 3)
    found = cross_entropy(logits, targets, torch.tensor([1.0, 3.0, 7.0]), focal_gamma=2.0)
    assert found.item() == pytest.approx(weighted)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 3.0, 7.0])])
def test_focal_loss_with_next_to_no_gamma_is_cross_entropy(weights: torch.Tensor | None) -> None:
    logits, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, IGNORED, 1, 1])
    torch.testing.assert_close(
        cross_entropy(logits, targets, weights, focal_gamma=1e-9), cross_entropy(logits, targets, weights)
    )


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_the_gradient_of_focal_loss_is_that_of_its_formula_and_finite_where_all_is_certain(gamma: float) -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 0, 1])
    cross_entropy(logits, targets, focal_gamma=gamma).backward()
    found, logits.grad = logits.grad.clone(), None
    p = logits.softmax(-1)[torch.arange(5), targets]
    (-((1 - p) ** gamma) * p.log()).mean().backward()
    torch.testing.assert_close(found, logits.grad, rtol=1e-4, atol=1e-6)

    certain = torch.tensor([[200.0, 0.0, 0.0], [0.0, 200.0, 0.0]], requires_grad=True)
    loss = cross_entropy(certain, torch.tensor([0, 0]), focal_gamma=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(certain.grad).all()
    assert certain.grad[1].any()


@pytest.mark.parametrize("shape", [(4,), (2, 5)])
def test_without_targets_it_is_zero_and_can_be_derived(shape: tuple[int, ...]) -> None:
    logits = torch.randn(*shape, 3, requires_grad=True)
    loss = cross_entropy(logits, torch.full(shape, IGNORED), torch.ones(3), 0.1)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_half_precision_logits_give_a_full_precision_loss() -> None:
    logits = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    targets = torch.arange(64) % 3
    loss = cross_entropy(logits, targets, None, 0.0)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits.float(), targets))


def test_softmax_is_that_of_torch_on_the_last_axis() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (2, 7, 3))
    np.testing.assert_allclose(softmax(logits), torch.softmax(torch.tensor(logits), -1).numpy(), rtol=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e3, -1e3, 1e30])
def test_softmax_of_large_logits_is_finite(shift: float) -> None:
    np.testing.assert_allclose(softmax(np.array([shift, shift])), [0.5, 0.5])

"""Dropout with quick random numbers does what that of torch does.

pytest tests/training/test_dropout.py
"""

import pytest
import torch
from torch import nn

from src.core.records import Example
from src.models.batches import encode
from src.training import dropout
from src.training.fit import fit
from tests.models.conftest import Make, TrainParamsWith

SHAPE = (51, 41, 101)  # 211,191 elements, no multiple of four


def dropped(module: nn.Module, values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    with dropout.quick(nn.ModuleList([module, nn.Linear(1, 1)])):
        return module(values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_share_of_p_is_nought_and_the_rest_is_scaled_as_by_torch(p: float, dtype: torch.dtype) -> None:
    found = dropped(nn.Dropout(p), torch.ones(SHAPE, dtype=dtype))
    assert found.dtype == dtype
    assert found.shape == SHAPE
    share = (found == 0).float().mean().item()
    assert share == pytest.approx(p, abs=5 * (p * (1 - p) / found.numel()) ** 0.5 + 1 / dropout.LEVELS)
    theirs = nn.functional.dropout(torch.ones(SHAPE, dtype=dtype), p)
    assert found.unique().tolist() == theirs.unique().tolist()


def test_each_of_the_four_elements_of_a_draw_is_as_likely_and_none_depends_on_its_neighbours() -> None:
    zeros = (dropped(nn.Dropout(0.5), torch.ones(400_000)) == 0).view(-1, 4).double()
    deviation = 0.5 / len(zeros) ** 0.5
    assert (zeros.mean(0) - 0.5).abs().max() < 5 * deviation
    correlation = torch.corrcoef(zeros.T) - torch.eye(4)
    assert correlation.abs().max() < 5 / len(zeros) ** 0.5


def test_gradients_pass_where_values_do() -> None:
    values = torch.ones(SHAPE, requires_grad=True)
    found = dropped(nn.Dropout(0.3), values)
    found.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, found.detach())


def test_equal_seeds_give_equal_masks_and_others_do_not() -> None:
    one, same, other = (dropped(nn.Dropout(0.1), torch.ones(SHAPE), seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_in_evaluation_nothing_is_dropped() -> None:
    assert torch.equal(dropped(nn.Dropout(0.5).eval(), torch.ones(SHAPE)), torch.ones(SHAPE))


def test_a_model_has_the_dropout_of_torch_before_and_after_a_training_and_quick_ones_in_it(
    make: Make, splits: dict[str, list[Example]], train_params: TrainParamsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    forward = dropout._Quick.forward

    def counted(self: nn.Dropout, values: torch.Tensor) -> torch.Tensor:
        calls.append(values.numel())
        return forward(self, values)

    monkeypatch.setattr(dropout._Quick, "forward", counted)
    made = make("cls+span")
    data = [encode(made, rows) for rows in (splits["train"][:16], splits["validation"][:8])]
    fit(made, *data, train_params(epochs=1), learning_rate=1e-3, seed=0)
    assert calls
    assert {type(module) for module in made.model.modules() if isinstance(module, nn.Dropout)} == {nn.Dropout}


class Other(nn.Dropout):
    """A dropout of somebody else's, which does what it likes."""


def test_a_p_next_to_one_drops_nearly_all() -> None:
    assert (dropped(nn.Dropout(0.999995), torch.ones(SHAPE)) == 0).float().mean() > 0.999


@pytest.mark.parametrize(("module", "device"), [(nn.Dropout(0.1), "meta"), (Other(0.1), "cpu")])
def test_other_devices_and_other_kinds_of_dropout_are_left_alone(module: nn.Module, device: str) -> None:
    kind = type(module)
    with dropout.quick(nn.ModuleList([module, nn.Linear(1, 1, device=device)])):
        assert type(module) is kind


def test_torch_compile_knows_all_of_it() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    with dropout.quick(module):
        explained = torch._dynamo.explain(module)(torch.ones(3, 2))
    assert explained.graph_break_count == 0


def test_an_error_leaves_the_dropout_of_torch() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    with pytest.raises(RuntimeError), dropout.quick(model):
        raise RuntimeError
    assert type(model[1]) is nn.Dropout

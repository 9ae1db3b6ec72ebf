"""The saved model against the one in memory: equal in every task, mode and precision, and found out where it is not.

pytest tests/training/test_reload.py
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from src.core.records import Example
from src.core.user_errors import UserError
from src.models.batches import encode
from src.models.interface import Model
from src.models.matcher import Matcher
from src.training import modes, reload
from tests.models.conftest import Make, TrainParamsWith

Difference = Callable[..., float]


@pytest.fixture
def difference(splits: dict[str, list[Example]], tmp_path: Path) -> Difference:
    """Saves a model, changes a weight or more of what was saved, and compares the two."""

    def compare(model: Model, change: Callable[[torch.Tensor], torch.Tensor] | None = None) -> float:
        folder = tmp_path / "model"
        folder.mkdir()
        model.save(folder)
        if change:
            weights = load_file(folder / "model.safetensors")
            name = next(name for name in weights if name.endswith("word_embeddings.weight"))
            save_file({**weights, name: change(weights[name])}, folder / "model.safetensors", {"format": "pt"})
        return reload.difference(model, folder, splits["validation"][:4], device="cpu", trust_remote_code=False)

    return compare


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("task", ["cls", "span", "evidence", "cls+span"])
def test_what_was_saved_says_the_same_to_the_bit(task: str, precision: str, make: Make, difference: Difference) -> None:
    assert difference(make(task, precision=precision)) == 0


@pytest.mark.parametrize("mode", modes.MODES)
def test_in_every_mode_as_well(
    mode: str, make: Make, difference: Difference, train_params: TrainParamsWith, splits: dict[str, list[Example]],
    tmp_path: Path,
) -> None:  # fmt: skip
    made = make("cls", mode=mode)
    begun = modes.begin(made, [encode(made, splits["validation"])], train_params(mode=mode))
    if mode == "lora":
        with torch.no_grad():  # new adapters add nothing
            for name, weights in made.model.named_parameters():
                if "lora_B" in name:
                    weights += 0.5
    begun.before_saving(tmp_path)
    assert difference(made) == 0


def test_a_weight_that_was_saved_otherwise_shows(make: Make, difference: Difference) -> None:
    assert 1e-5 < difference(make("cls"), lambda weights: weights + 0.01 * torch.randn_like(weights)) < 1


def test_a_weight_that_is_no_number_shows(make: Make, difference: Difference) -> None:
    assert math.isnan(difference(make("cls"), lambda weights: weights * math.nan))


@pytest.mark.parametrize("other", [("evidence", 128), ("span", 8)], ids=["labels", "length"])
def test_another_number_of_logits_is_an_infinite_difference(
    other: tuple[str, int], make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    make("span").save(tmp_path)
    model = make(other[0], max_length=other[1], stride=0)
    assert (
        reload.difference(model, tmp_path, splits["validation"][:4], device="cpu", trust_remote_code=False) == math.inf
    )


def test_what_has_no_logits_is_compared_by_its_predictions(
    difference: Difference, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    matcher = Matcher({"span": ["O", "B-IDIOM", "I-IDIOM"]}, "IDIOM", [str(splits["validation"][0].group)])
    assert difference(matcher) == 0
    other = replace(matcher, idioms=[])
    examples = splits["validation"][:1]
    assert reload.difference(other, tmp_path / "model", examples, device="cpu", trust_remote_code=False) >= 1


def test_what_cannot_be_loaded_is_told_by_its_name(
    make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make("cls")
    made.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["Other"]}))
    with pytest.raises(UserError, match=str(tmp_path)):
        reload.difference(made, tmp_path, splits["validation"][:1], device="cpu", trust_remote_code=False)

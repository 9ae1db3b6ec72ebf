"""The forms of a model that was saved with its adapter: all say the same.

pytest tests/deploy/test_variants.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from src.core.records import Example
from src.core.user_errors import UserError
from src.deploy import variants
from src.deploy.measurement import farthest
from src.deploy.variants import CONVERTED, VARIANTS, Deployed
from src.models import checkpoint
from src.models.batches import encode
from src.models.inference import run
from src.models.matcher import Matcher
from src.tasks import TASKS
from src.training import modes
from tests.models.conftest import Make, TrainParamsWith

LORA = {"r": 4, "alpha": None, "dropout": None, "target_modules": None, "keep_adapter": True}
Save = Callable[..., Path]


@pytest.fixture
def save(make: Make, train_params: TrainParamsWith, tmp_path: Path) -> Save:
    """Saves a model with an adapter that changes much, as training does."""

    def call(task: str, revision: str | None = None) -> Path:
        made = make(task)
        begun = modes.begin(made, (), train_params(mode="lora", lora=LORA, revision=revision))
        for name, weights in made.model.named_parameters():
            if ".lora_" in name:
                torch.nn.init.normal_(weights, std=0.2)
        begun.before_saving(tmp_path)
        made.save(tmp_path)
        return tmp_path

    return call


def _deployed(name: str, saved: Path, converted: Path) -> Deployed:
    if name not in CONVERTED:
        return variants.load(name, saved)
    variants.convert(name, saved, converted)
    return variants.load(name, converted)


@pytest.mark.parametrize("task", TASKS)
def test_every_variant_gives_the_logits_of_the_saved_model(
    task: str, save: Save, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, examples = save(task), splits["validation"]
    deployed = {name: _deployed(name, folder, tmp_path_factory.mktemp(name)) for name in VARIANTS}
    found = {name: run(one.checkpoint, encode(one.checkpoint, examples), 8) for name, one in deployed.items()}
    for name in ("merged", "adapter", "adapters"):
        assert farthest(found[name], found["fp32"]) < 1e-5, name
    assert 1e-5 < farthest(found["bf16"], found["fp32"]) < 0.1
    assert farthest(found["onnx"], found["fp32"]) < 1e-4
    assert 1e-4 < farthest(found["onnx_int8"], found["fp32"]) < 0.3
    assert deployed["adapter"].checkpoint.predict(examples, 8) is not None
    weights = {name: "\n".join(one.checkpoint.model.state_dict()) for name, one in deployed.items()}
    assert {name for name, names in weights.items() if ".lora_A." in names} == {"adapter", "adapters"}
    size = {name: one.size_mib for name, one in deployed.items()}
    assert size["bf16"] == pytest.approx(size["fp32"] / 2, rel=0.05)
    assert size["merged"] == size["fp32"] < size["adapter"] < size["adapters"]
    assert size["onnx_int8"] < size["onnx"]


def test_an_adapter_is_put_on_the_revision_of_its_base(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = save("cls", revision="v1.0"), set()
    pretrained = checkpoint.pretrained

    def spy(auto_class: Any, source: Any, origin: Any, **options: Any) -> Any:
        asked.add((Path(source).is_relative_to(folder), origin.get("revision")))
        return pretrained(auto_class, source, origin, **options)

    monkeypatch.setattr(checkpoint, "pretrained", spy)
    variants.load("adapter", folder)
    assert (False, "v1.0") in asked
    assert (False, None) not in asked


def test_each_request_chooses_its_adapter(save: Save, splits: dict[str, list[Example]]) -> None:
    """With the weights of the second adapter doubled, every third request is answered by it."""
    deployed = variants.load("adapters", save("cls"))
    with torch.no_grad():
        for name, weights in deployed.checkpoint.model.named_parameters():
            if ".lora_B.1." in name:
                weights *= 2
    answers = []
    for number in range(6):
        deployed.before(number)
        answers.append(deployed.checkpoint.predict(splits["validation"][:1], 1)[0].probabilities)
    assert answers[0] == answers[2] == answers[3] == answers[5]
    assert answers[1] == answers[4] != answers[0]


@pytest.mark.parametrize("name", ["merged", "adapter", "adapters"])
def test_a_model_without_a_separate_adapter_says_so(name: str, make: Make, tmp_path: Path) -> None:
    make("cls").save(tmp_path)
    with pytest.raises(UserError, match="it has no separate adapter"):
        variants.load(name, tmp_path)


def test_a_joint_model_is_not_put_together_from_its_adapter(save: Save) -> None:
    folder = save("cls+span")
    assert variants.load("fp32", folder).checkpoint.labels.keys() == {"cls", "span"}
    with pytest.raises(UserError, match="the adapter of a joint model can only be used merged"):
        variants.load("adapter", folder)


def test_an_adapter_whose_base_is_gone_says_that_its_folder_is_not_there(save: Save) -> None:
    folder = save("cls")
    adapter = folder / "adapter" / "adapter_config.json"
    adapter.write_text(json.dumps(json.loads(adapter.read_text()) | {"base_model_name_or_path": "/nowhere/base"}))
    with pytest.raises(UserError) as error:
        variants.load("adapter", folder)
    assert str(error.value) == "the model '/nowhere/base' cannot be loaded: the folder does not exist; check the path"


@pytest.mark.parametrize("name", VARIANTS)
def test_a_matcher_has_no_variant(name: str, tmp_path: Path) -> None:
    Matcher({"span": ["O", "B-IDIOM", "I-IDIOM"]}, "IDIOM", ["שבר את הקרח"]).save(tmp_path)
    with pytest.raises(UserError):
        _deployed(name, tmp_path, tmp_path)

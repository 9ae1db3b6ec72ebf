"""Joint models: what cls sees of the states, one encoder or one per task, and that padding changes nothing.

pytest tests/models/test_joint.py
"""

from pathlib import Path

import pytest
import torch

from src.core.records import Example
from src.models import checkpoint
from src.models.batches import Collator, encode, features
from src.models.checkpoint import Checkpoint
from src.models.joint import JointModel
from src.models.pooling import Pooling
from tests.models.conftest import ARCHITECTURES, Make

HOW = ["first", "mean", "max", "attention"]
STATES = torch.tensor([[[1.0, -8.0], [4.0, -2.0], [9.0, 9.0]], [[3.0, 0.0], [1.0, 2.0], [5.0, 1.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("first", [[1.0, -8.0], [3.0, 0.0]]),
        ("mean", [[2.5, -5.0], [3.0, 1.0]]),
        ("max", [[4.0, -2.0], [5.0, 2.0]]),
    ],
)
def test_pooling_by_hand(how: str, expected: list[list[float]]) -> None:
    torch.testing.assert_close(Pooling(how, 2)(STATES, MASK), torch.tensor(expected))


def test_attention_is_a_mean_weighted_by_the_softmax_of_learnt_scores() -> None:
    pooling = Pooling("attention", 2)
    with torch.no_grad():
        pooling.score.weight.copy_(torch.tensor([[1.0, 0.5]]))
        pooling.score.bias.fill_(7.0)
    weights = torch.tensor([1.0 - 4.0, 4.0 - 1.0]).softmax(0)
    expected = weights[0] * STATES[0, 0] + weights[1] * STATES[0, 1]
    found = pooling(STATES, MASK)
    torch.testing.assert_close(found[0], expected)
    found.sum().backward()
    assert pooling.score.weight.grad.any()


def inputs(made: Checkpoint, examples: list[Example]) -> dict[str, torch.Tensor]:
    batch = Collator(made.tokenizer, list(made.labels))(features(made, encode(made, examples)))
    del batch["targets"]
    return batch


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("how", HOW)
def test_padding_changes_no_logits(how: str, architecture: str, make: Make, splits: dict[str, list[Example]]) -> None:
    made = make("cls+evidence", architecture, pooling=how, separate_encoders=how == "max")
    made.model.eval()
    examples = sorted(splits["test"], key=lambda example: len(example.text))
    with torch.inference_mode():
        padded = made.logits(inputs(made, examples))
        for i in (0, 3):
            alone = made.logits(inputs(made, [examples[i]]))
            length = alone["evidence"].shape[1]
            assert length < padded["evidence"].shape[1]
            torch.testing.assert_close(padded["cls"][i : i + 1], alone["cls"], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(padded["evidence"][i : i + 1, :length], alone["evidence"], atol=1e-5, rtol=1e-4)


def test_the_ways_of_pooling_differ_for_cls_alone(make: Make, splits: dict[str, list[Example]]) -> None:
    found = {}
    for how in (None, *HOW):
        made = make("cls+span", pooling=how)
        made.model.eval()
        with torch.inference_mode():
            found[how] = made.logits(inputs(made, splits["test"]))
    assert torch.equal(found[None]["cls"], found["first"]["cls"])
    for how in HOW[1:]:
        assert not torch.allclose(found[how]["cls"], found["first"]["cls"])
        assert how == "attention" or torch.equal(found[how]["span"], found["first"]["span"])


@pytest.mark.parametrize("task", ["cls+span", "evidence+cls", "cls+span+evidence"])
@pytest.mark.parametrize("how", ["first", "attention"])
def test_separate_encoders_see_the_pooled_state_of_that_of_cls(
    task: str, how: str, make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make(task, pooling=how, separate_encoders=True)
    model = made.model.eval()
    others = [name for name in task.split("+") if name != "cls"]
    assert list(model.encoders) == others
    batch = inputs(made, splits["test"])
    with torch.inference_mode():
        found = made.logits(batch)
        pooled = model.pooling(model.encoder(**batch).last_hidden_state, batch["attention_mask"])
        torch.testing.assert_close(found["cls"], model.heads["cls"](pooled))
        for name in others:
            states = model.encoders[name](**batch).last_hidden_state + pooled.unsqueeze(1)
            torch.testing.assert_close(found[name], model.heads[name](states))


def test_separate_encoders_start_alike_and_are_trained_apart(make: Make, splits: dict[str, list[Example]]) -> None:
    made = make("cls+span", separate_encoders=True)
    one, other = made.model.encoder, made.model.encoders["span"]
    for (name, value), same in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(value, same), name
        assert value.data_ptr() != same.data_ptr(), name
    made.logits(inputs(made, splits["test"][:4]))["span"].sum().backward()
    assert other.embeddings.word_embeddings.weight.grad.any()
    assert one.embeddings.word_embeddings.weight.grad.any(), "the pooled state is learnt from spans too"


@pytest.mark.parametrize("encoder", ["bert", "distilbert", None])
def test_a_model_with_separate_encoders_and_pooling_is_saved_loaded_and_predicts_alike(
    encoder: str | None, make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make("evidence+cls+span", encoder, pooling="attention", separate_encoders=True)
    made.save(tmp_path)
    loaded = checkpoint.load(tmp_path)
    assert type(loaded.model) is JointModel
    assert list(loaded.labels) == ["evidence", "cls", "span"]
    assert loaded.settings == made.settings
    assert loaded.predict(splits["test"], 8) == made.predict(splits["test"], 8)

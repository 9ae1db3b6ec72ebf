"""A training without the embeddings that nothing uses ends like one with them.

pytest tests/training/test_trimmed_embeddings.py
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoTokenizer, MT5Config, MT5EncoderModel, TrainerCallback

from src.core.records import Example
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.training import trimmed_embeddings
from src.training.fit import fit
from tests.models.conftest import ARCHITECTURES, Make, TrainParamsWith

Splits = dict[str, list[Example]]


class Sizes(TrainerCallback):
    """How many embeddings the model has while it is trained."""

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.rows = model.get_input_embeddings().weight.shape[0]


def trained(made: Checkpoint, splits: Splits, params: Any) -> tuple[dict[str, torch.Tensor], int]:
    sizes = Sizes()
    data = [encode(made, rows) for rows in (splits["train"][:24], splits["validation"][:8])]
    fit(made, *data, params, learning_rate=5e-3, seed=3, callbacks=[sizes])
    return made.model.state_dict(), sizes.rows


@contextmanager
def whole(*_: Any) -> Iterator[None]:
    yield


@pytest.mark.parametrize("encoder", ARCHITECTURES)
def test_the_model_ends_as_if_all_embeddings_had_been_there(
    make: Make, splits: Splits, train_params: TrainParamsWith, monkeypatch: pytest.MonkeyPatch, encoder: str
) -> None:
    params = train_params(weight_decay=0.1, epochs=1)
    found, rows = trained(make("cls", encoder), splits, params)
    monkeypatch.setattr(trimmed_embeddings, "trimmed", whole)
    expected, all_rows = trained(make("cls", encoder), splits, params)
    made = make("cls", encoder)
    before = made.model.state_dict()
    table = next(name for name in found if name.endswith("word_embeddings.weight"))
    assert rows < all_rows == len(before[table])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-5), name
    seen = [i for row in splits["train"][:24] + splits["validation"][:8] for i in made.tokenizer(row.text)["input_ids"]]
    unseen = torch.ones(all_rows, dtype=torch.bool)
    unseen[seen] = False
    assert (found[table][unseen].abs() <= before[table][unseen].abs()).all()  # decay reaches them too
    assert found[table][unseen].abs().sum() < before[table][unseen].abs().sum()


@pytest.mark.parametrize("options", [{"separate_encoders": True}, {}])
def test_every_encoder_of_a_joint_model_has_its_embeddings_back(
    make: Make, splits: Splits, train_params: TrainParamsWith, options: dict[str, Any]
) -> None:
    made = make("cls+span", **options)
    shapes = {name: value.shape for name, value in made.model.state_dict().items()}
    after, rows = trained(made, splits, train_params(epochs=1))
    assert {name: value.shape for name, value in after.items()} == shapes
    assert rows < made.model.get_input_embeddings().num_embeddings


def test_embeddings_that_do_not_learn_are_left_alone(make: Make, splits: Splits, train_params: TrainParamsWith) -> None:
    made = make("cls")
    made.model.get_input_embeddings().requires_grad_(False)
    assert trained(made, splits, train_params(epochs=1))[1] == made.model.get_input_embeddings().num_embeddings


def test_embeddings_that_two_modules_share_are_left_alone(
    make: Make, splits: Splits, train_params: TrainParamsWith, local_models: dict[str, Path], tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(local_models["bert"])
    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "pad_token_id": 0}
    MT5EncoderModel(MT5Config(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    made = make("span", tmp_path)
    after, rows = trained(made, splits, train_params(epochs=1))
    assert rows == len(tokenizer)
    assert torch.equal(after["transformer.shared.weight"], after["transformer.encoder.embed_tokens.weight"])


def test_embeddings_that_do_more_than_look_up_are_left_alone(make: Make, splits: Splits) -> None:
    class Scaled(nn.Embedding):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return super().forward(ids) * 5

    made = make("cls")
    scaled = Scaled(*made.model.get_input_embeddings().weight.shape)
    made.model.base_model.set_input_embeddings(scaled)
    with trimmed_embeddings.trimmed(made, [encode(made, splits["train"][:1])]):
        assert made.model.get_input_embeddings() is scaled


def test_the_padding_of_the_embeddings_need_not_be_that_of_the_tokenizer(
    make: Make, splits: Splits, train_params: TrainParamsWith
) -> None:
    made = make("cls")
    whole = made.model.get_input_embeddings()
    seen = {i for row in splits["train"] + splits["validation"] for i in made.tokenizer(row.text)["input_ids"]}
    whole.padding_idx = max(set(range(whole.num_embeddings)) - seen)
    _, rows = trained(made, splits, train_params(epochs=1))
    assert rows < whole.num_embeddings == made.model.get_input_embeddings().num_embeddings


def test_an_optimizer_that_looks_at_all_weights_at_once_sees_all_embeddings(
    make: Make, splits: Splits, train_params: TrainParamsWith
) -> None:
    made = make("cls")
    params = train_params(epochs=1, trainer={"optim": "adafactor"})
    assert trained(made, splits, params)[1] == made.model.get_input_embeddings().num_embeddings


def test_a_sub_word_that_was_not_announced_is_an_error(make: Make, splits: Splits) -> None:
    made = make("cls")
    with trimmed_embeddings.trimmed(made, [encode(made, splits["train"][:1])]), pytest.raises(IndexError):
        made.model(input_ids=torch.arange(made.model.config.vocab_size)[None, :100])

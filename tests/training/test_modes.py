"""Modes: who learns, that the others do not, and that what is saved is what was trained.

pytest tests/training/test_modes.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from peft import PeftModel
from transformers import AlbertConfig, AlbertForMaskedLM, AutoTokenizer, TrainerCallback

from src.core.records import Example
from src.core.user_errors import UserError
from src.models import backbone, checkpoint
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.models.inference import Logits, run
from src.tasks import TASKS, validation_scores
from src.training import frozen, modes
from src.training.fit import Fit, fit
from src.training.modes import Begun
from tests.models.conftest import ARCHITECTURES, Make, TrainParamsWith

JOINT = "+".join(TASKS)
EVERY_TASK = pytest.mark.parametrize("task", [*TASKS, JOINT])
EVERY_ENCODER = pytest.mark.parametrize("encoder", [*ARCHITECTURES, None], ids=lambda name: name or "tiny")


Begin = Callable[..., Begun]
Run = Callable[..., tuple[Begun, Fit]]


@pytest.fixture
def begin(splits: dict[str, list[Example]], train_params: TrainParamsWith) -> Begin:
    """Does what a mode does before training on 24 rows: begin(made, mode="frozen")."""

    def call(made: Checkpoint, **changes: Any) -> Begun:
        encoded = encode(made, splits["train"][:24]), encode(made, splits["validation"])
        return modes.begin(made, encoded, train_params(**changes))

    return call


@pytest.fixture
def trained(splits: dict[str, list[Example]], train_params: TrainParamsWith, begin: Begin, tmp_path: Path) -> Run:
    """Trains in a mode on 24 rows: 3 batches of 8 an epoch."""

    def call(
        made: Checkpoint, *, state: Path = tmp_path / "state", callbacks: Any = (), rate: float = 2e-2, **changes: Any
    ) -> tuple[Begun, Fit]:
        begun = begin(made, **changes)
        result = fit(
            made, encode(made, splits["train"][:24]), encode(made, splits["validation"]), train_params(**changes),
            learning_rate=rate, seed=3, state_folder=state, callbacks=callbacks,
        )  # fmt: skip
        return begun, result

    return call


def logits(made: Checkpoint, examples: list[Example]) -> Logits:
    return run(made, encode(made, examples), 4)


def farthest(made: Checkpoint, examples: list[Example], others: Logits) -> float:
    """The largest difference of two models' logits, padding aside."""
    lengths = [len(window.inputs["input_ids"]) for windows in encode(made, examples).windows for window in windows]
    return max(
        float(np.abs(one[:length] - other[:length]).max())
        for task in made.tasks
        for one, other, length in zip(logits(made, examples)[task.name], others[task.name], lengths, strict=True)
    )


def weights(made: Checkpoint) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in made.model.named_parameters()}


def of_heads(made: Checkpoint) -> set[str]:
    """Names of the weights that come after the encoder's states."""
    return {
        f"{head}.{name}" for head, module in backbone.heads(made.model).items() for name, _ in module.named_parameters()
    }


@EVERY_ENCODER
@EVERY_TASK
def test_from_frozen_states_come_the_logits_of_the_whole_model(
    task: str, encoder: str | None, make: Make, begin: Begin, splits: dict[str, list[Example]]
) -> None:
    made = make(task, encoder)
    whole = logits(made, splits["validation"])
    begun = begin(made, mode="frozen")
    assert isinstance(made.model.base_model, frozen.Cache)
    assert farthest(made, splits["validation"], whole) < 1e-5
    begun.before_saving(Path())
    assert not isinstance(made.model.base_model, frozen.Cache)


@EVERY_TASK
@pytest.mark.parametrize("memory", [64, 0])
def test_states_in_bf16_give_the_predictions_in_bf16(
    task: str, memory: int, make: Make, begin: Begin, splits: dict[str, list[Example]]
) -> None:
    """The encoder runs once in the precision in which the saved model will: in other batches it rounds otherwise."""
    made = make(task, precision="bf16")
    whole = logits(made, splits["validation"])
    begun = begin(made, mode="frozen", precision="bf16", cache_mib=memory)
    assert made.model.base_model.states.states.dtype == torch.bfloat16
    assert farthest(made, splits["validation"], whole) < 2e-2
    begun.before_saving(Path())
    assert farthest(made, splits["validation"], whole) == 0


@EVERY_ENCODER
@EVERY_TASK
def test_frozen_trains_all_of_the_head_and_nothing_of_the_encoder(
    task: str, encoder: str | None, make: Make, trained: Run, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make(task, encoder)
    before, heads = weights(made), of_heads(made)
    begun, _ = trained(made, mode="frozen", epochs=1)
    cached = logits(made, splits["validation"])
    begun.before_saving(tmp_path)
    changed = {name for name, value in weights(made).items() if not torch.equal(value, before[name])}
    assert changed == heads
    assert farthest(made, splits["validation"], cached) < 1e-5


def test_states_beyond_the_memory_lie_in_a_file_and_train_alike(
    make: Make, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[Any] = []
    made_up = frozen._file
    monkeypatch.setattr(frozen, "_file", lambda *sizes: files.append(made_up(*sizes)) or files[-1])
    outcomes = []
    for memory in (64, 0):
        made = make("span")
        trained(made, mode="frozen", epochs=1, cache_mib=memory, state=tmp_path / str(memory))
        outcomes.append(weights(made))
    assert len(files) == 1
    assert all(torch.equal(value, outcomes[1][name]) for name, value in outcomes[0].items())


def test_states_without_room_are_refused_with_both_sizes(
    make: Make, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(UserError, match=r"train\.cache_mib: 0 and the 0 MiB .* TMPDIR"):
        begin(make("cls"), mode="frozen", cache_mib=0)


def test_the_encoder_runs_once_over_each_input(
    make: Make, trained: Run, splits: dict[str, list[Example]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make("cls")
    seen: list[int] = []
    attend = made.model.base_model.encoder.forward
    monkeypatch.setattr(
        made.model.base_model.encoder, "forward", lambda *a, **k: seen.append(len(a[0])) or attend(*a, **k)
    )
    trained(made, mode="frozen", epochs=3)
    assert sum(seen) == 24 + len(splits["validation"]) + 2 * frozen.CHECKED  # of these states and logits, to compare


def test_a_head_that_sees_more_than_the_last_states_is_refused(
    make: Make, begin: Begin, splits: dict[str, list[Example]], tmp_path: Path, local_models: dict[str, Path]
) -> None:
    """ALBERT pools in its base model, in a way of its own."""
    tokenizer = AutoTokenizer.from_pretrained(local_models["bert"])
    sizes = {"hidden_size": 32, "embedding_size": 16, "num_attention_heads": 2, "intermediate_size": 64}
    AlbertForMaskedLM(AlbertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="frozen cannot be used with a AlbertForSequenceClassification"):
        begin(make("cls", tmp_path, max_length=64), mode="frozen")
    begin(make("span", tmp_path, max_length=64), mode="frozen")
    with pytest.raises(UserError, match=r"train\.freeze_layers: 1: a AlbertModel"):
        begin(make("cls", tmp_path, max_length=64), freeze_layers=1)


@EVERY_ENCODER
@EVERY_TASK
def test_adapters_are_merged_into_a_plain_model_of_the_same_logits(
    task: str, encoder: str | None, make: Make, trained: Run, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make(task, encoder)
    before, heads = weights(made), of_heads(made)
    base = before.keys() - heads
    adapted: dict[str, torch.Tensor] = {}

    class Watch(TrainerCallback):
        def on_train_end(self, *_: Any, **__: Any) -> None:
            adapted.update(weights(made))

    begun, _ = trained(made, mode="lora", epochs=1, callbacks=[Watch()])
    kept = {name.replace(".base_layer", ""): value for name, value in adapted.items()}
    assert all(torch.equal(kept[name], before[name]) for name in base)
    assert any(".lora_A." in name for name in adapted)
    unmerged = logits(made, splits["validation"])
    begun.before_saving(tmp_path / "model")
    made.save(tmp_path / "model")
    assert weights(made).keys() == before.keys()
    after = weights(made)
    assert all(not torch.equal(after[name], before[name]) for name in heads)
    assert {name for name in base if not torch.equal(after[name], before[name])} >= {
        name.replace(".lora_A.default", "") for name in adapted if ".lora_A." in name
    }
    loaded = checkpoint.load(tmp_path / "model")
    assert farthest(loaded, splits["validation"], unmerged) < 1e-5
    assert not (tmp_path / "model" / "adapter").exists()
    if task in TASKS:
        plain = getattr(transformers, TASKS[task].auto_class).from_pretrained(tmp_path / "model")
        assert type(plain) is type(made.model)


@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_an_adapter_that_is_kept_gives_with_its_base_the_logits_of_the_merged_model(
    task: str, make: Make, trained: Run, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make(task)
    begun, _ = trained(made, mode="lora", epochs=1, lora=LORA | {"keep_adapter": True})
    begun.before_saving(tmp_path)
    base = make(task, seed=1)  # other heads
    again = PeftModel.from_pretrained(base.model, str(tmp_path / "adapter")).eval()
    assert again is not None
    assert farthest(base, splits["validation"], logits(made, splits["validation"])) < 1e-5


LORA = {"r": None, "alpha": None, "dropout": None, "target_modules": None, "keep_adapter": False}


def test_the_share_of_weights_that_learn_is_told(make: Make, begin: Begin) -> None:
    assert begin(make("cls")).trainable_share == 1.0
    made = make("cls")
    head, whole = 32 * 32 + 32 + 2 * 32 + 2, sum(value.numel() for value in made.model.parameters())
    assert begin(made, mode="frozen").trainable_share == head / whole
    adapters = 2 * 2 * 4 * (32 + 32)  # layers, queries and values, rank, in and out
    assert begin(make("cls"), mode="lora", lora=LORA | {"r": 4}).trainable_share == (head + adapters) / whole


@pytest.mark.parametrize(
    ("encoder", "lora", "words"),
    [
        ("bert", {"target_modules": ["query", "q_lin"]}, ["(bert)", "'q_lin'", "query, key, value, dense"]),
        (None, {"keep_adapter": True}, ["train.lora.keep_adapter", "another model"]),
    ],
)
def test_adapters_that_cannot_be_are_refused(
    encoder: str | None, lora: dict[str, Any], words: list[str], make: Make, begin: Begin
) -> None:
    with pytest.raises(UserError) as error:
        begin(make("cls", encoder), mode="lora", lora=LORA | lora)
    assert all(word in str(error.value) for word in words)


def test_the_layers_that_are_adapted_can_be_chosen(make: Make, begin: Begin) -> None:
    made = make("cls")
    begin(made, mode="lora", lora=LORA | {"target_modules": ["dense"]})
    adapted = {name.partition(".lora_A")[0] for name, _ in made.model.named_parameters() if ".lora_A" in name}
    assert len(adapted) == 2 * 3
    assert not any("pooler" in name for name in adapted)


class Killed(Exception):  # noqa: N818
    """Stands in for a power cut."""


class KilledAfter(TrainerCallback):
    """Ends the run when the state of an epoch has been written."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if round(state.epoch) == self.epoch:
            raise Killed


@pytest.mark.parametrize("mode", ["frozen", "lora"])
@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_the_best_epoch_is_kept_and_a_killed_run_goes_on_to_the_same_weights(
    task: str, mode: str, make: Make, trained: Run, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    whole = make(task)
    _, result = trained(whole, mode=mode, epochs=3, state=tmp_path / "whole")
    scores = validation_scores(whole.tasks, whole.predict(splits["validation"], 8))
    assert scores["primary"] == result.primary == max(
        entry["eval_primary"] for entry in result.history if "eval_primary" in entry
    )  # fmt: skip
    with pytest.raises(Killed):
        trained(make(task), mode=mode, epochs=3, callbacks=[KilledAfter(2)])
    resumed = make(task)
    trained(resumed, mode=mode, epochs=3)
    found = weights(resumed)
    assert all(torch.equal(value, found[name]) for name, value in weights(whole).items())


@EVERY_ENCODER
@pytest.mark.parametrize("task", ["cls", JOINT])
@pytest.mark.parametrize("count", [1, 2])
def test_the_embeddings_and_the_first_layers_do_not_learn(
    count: int, task: str, encoder: str | None, make: Make, begin: Begin
) -> None:
    made = make(task, encoder)
    begin(made, freeze_layers=count)
    layers = [name for name, module in made.model.base_model.named_modules() if name.endswith(("layer.0", "layer.1"))]
    kept = {name for name, value in made.model.base_model.named_parameters() if not value.requires_grad}
    expected = {
        name
        for name, _ in made.model.base_model.named_parameters()
        if name.startswith(("embeddings", *(f"{layer}." for layer in layers[:count])))
    }
    assert len(layers) == 2
    assert kept == expected
    assert all(value.requires_grad for head in backbone.heads(made.model).values() for value in head.parameters())


def test_first_layers_are_frozen_in_each_of_several_encoders(make: Make, begin: Begin) -> None:
    made = make("cls+span", separate_encoders=True)
    begin(made, freeze_layers=1)
    assert len(backbone.encoders(made.model)) == 2
    for encoder in backbone.encoders(made.model).values():
        kept = {name for name, value in encoder.named_parameters() if not value.requires_grad}
        first = {name for name, _ in encoder.named_parameters() if name.startswith(("embeddings.", "encoder.layer.0."))}
        assert kept == first


def test_each_of_several_encoders_is_adapted_and_merged(
    make: Make, trained: Run, splits: dict[str, list[Example]]
) -> None:
    made = make("cls+span", separate_encoders=True)
    encoders = dict(backbone.encoders(made.model))
    before = {name: {key: value.clone() for key, value in one.state_dict().items()} for name, one in encoders.items()}
    begun, _ = trained(made, mode="lora", epochs=1)
    unmerged = logits(made, splits["validation"])
    begun.before_saving(Path())
    assert farthest(made, splits["validation"], unmerged) < 1e-5
    for name, encoder in backbone.encoders(made.model).items():
        changed = {key for key, value in encoder.state_dict().items() if not torch.equal(value, before[name][key])}
        assert len(changed) == 4  # queries and values of two layers
        assert all(key.endswith(("query.weight", "value.weight")) for key in changed)


def test_frozen_layers_stay_as_they_are(make: Make, trained: Run) -> None:
    made = make("cls")
    before = weights(made)
    trained(made, freeze_layers=1, epochs=1)
    same = {name for name, value in weights(made).items() if torch.equal(value, before[name])}
    assert same == {name for name in before if ".embeddings." in name or ".layer.0." in name}


def test_more_layers_than_there_are_is_refused(make: Make, begin: Begin) -> None:
    with pytest.raises(UserError, match=r"train\.freeze_layers: 3 is more than the 2 layers"):
        begin(make("cls"), freeze_layers=3)

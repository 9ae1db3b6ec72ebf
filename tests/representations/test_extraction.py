"""States of encoders: equal to those of each example by itself, and what fine-tuning does to them.

pytest tests/representations/test_extraction.py
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.representations.callback import RepresentCallback
from src.representations.extraction import MIB, Extraction, choose
from src.representations.layer_drift import check, drift
from src.representations.states_file import Representations, read, size
from src.training import modes
from src.training.fit import fit
from tests.models.conftest import ARCHITECTURES, Make, TrainParamsWith

Splits = dict[str, list[Example]]
EVERY_ENCODER = pytest.mark.parametrize("encoder", [*ARCHITECTURES, None], ids=lambda name: name or "tiny")


def states(made: Checkpoint, examples: list[Example], batch_size: int = 4, task: str | None = None) -> np.ndarray:
    return Extraction(made, examples, "m", task).run(batch_size).states


@pytest.mark.parametrize("encoder", ARCHITECTURES)
def test_states_are_means_over_the_sub_words_of_each_example_whatever_it_is_batched_with(
    encoder: str, make: Make, splits: Splits, local_models: dict[str, Path]
) -> None:
    examples = splits["validation"][:9]
    made = make("cls", encoder)
    alone = AutoModel.from_pretrained(local_models[encoder]).eval()
    expected = []
    with torch.no_grad():
        for example in examples:
            inputs = made.tokenizer(example.text, return_tensors="pt")
            layers = alone(**inputs, output_hidden_states=True).hidden_states
            expected.append(np.stack([layer[0].numpy().mean(axis=0) for layer in layers]))
    assert len({len(made.tokenizer(example.text)["input_ids"]) for example in examples}) > 1  # there is padding
    for batch_size in (1, 4, 64):
        found = states(made, examples, batch_size)
        assert found.shape == (9, 3, 32)
        assert found.dtype == np.float32
        assert np.abs(found - np.stack(expected)).max() < 1e-5


def test_the_states_of_a_pair_are_over_both_texts(make: Make, splits: Splits) -> None:
    made, example = make("cls"), splits["validation"][0]
    pair = replace(example, text_pair=splits["validation"][1].text)
    assert np.abs(states(made, [pair, example])[0] - states(made, [example, example])[0]).max() > 1e-3


def test_the_states_of_a_long_text_are_over_all_its_windows(make: Make, splits: Splits) -> None:
    made = make("evidence", max_length=12, stride=2)
    long = replace(splits["validation"][0], text=" ".join(e.text for e in splits["validation"][:3]), answers=[])
    (windows,) = encode(made, [long]).windows
    assert len(windows) > 2
    with torch.no_grad():
        layers = [
            made.model.base_model.eval()(
                **made.tokenizer.pad([window.inputs], return_tensors="pt"), output_hidden_states=True
            ).hidden_states
            for window in windows
        ]
    expected = [np.concatenate([window[layer][0].numpy() for window in layers]).mean(axis=0) for layer in range(3)]
    found = states(made, [splits["validation"][0], long], batch_size=2)
    assert np.abs(found[1] - np.stack(expected)).max() < 1e-5


def test_examples_are_chosen_whatever_their_order_and_fewer_are_the_first_of_more(splits: Splits) -> None:
    examples = splits["validation"]
    ten = choose(examples, 10)
    assert ten == choose(examples[::-1], 10)
    assert ten[:4] == choose(examples, 4)
    assert ten != examples[:10]
    assert len(choose(examples, 10_000)) == len(examples)


def test_a_model_of_low_precision_is_represented_in_fp32_and_left_as_it_was(make: Make, splits: Splits) -> None:
    made = make("cls", precision="bf16")
    made.model.train()
    found = Extraction(made, splits["validation"][:4], "m").run(4)
    assert found.about.precision == "fp32"
    assert np.array_equal(found.states, states(make("cls"), splits["validation"][:4]))
    assert all(module.training for module in made.model.modules())


def test_a_gpu_that_trains_in_tf32_represents_without(make: Make, splits: Splits) -> None:
    def allowed() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    made, meanwhile = make("cls"), []
    made.model.base_model.register_forward_hook(lambda *_: meanwhile.append(allowed()))
    before = allowed()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        states(made, splits["validation"][:2])
        assert meanwhile == [(False, False)]
        assert allowed() == (True, True)
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@EVERY_ENCODER
def test_frozen_is_where_its_base_is_in_every_layer(
    encoder: str | None, make: Make, splits: Splits, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    base = Extraction(make("cls", encoder), splits["validation"][:20], "base").run(8)
    trained = Extraction(_trained("frozen", make("cls", encoder), splits, train_params, tmp_path), *_same(splits)).run(
        3
    )
    check(base, trained, ("base", "frozen"))
    found = drift(base, trained, "frozen")
    assert max(found.cka_distance) < 1e-9
    assert min(found.cosine) > 1 - 1e-9


@pytest.mark.parametrize("encoder", ["bert", "distilbert"])
@pytest.mark.parametrize("mode", ["full", "lora"])
@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_full_and_lora_leave_their_base(
    task: str, mode: str, encoder: str, make: Make, splits: Splits, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    base = Extraction(make(task, encoder), splits["validation"][:20], "base").run(8)
    trained = Extraction(_trained(mode, make(task, encoder), splits, train_params, tmp_path), *_same(splits)).run(8)
    check(base, trained, ("base", mode))
    found = drift(base, trained, mode)
    assert (found.cka_distance[0] > 1e-9) == (mode == "full")  # an adapter is in the layers alone
    assert min(found.cka_distance[1:]) > 1e-6
    assert max(found.cosine[1:]) < 1 - 1e-6


def _same(splits: Splits) -> tuple[list[Example], str]:
    return splits["validation"][:20], "trained"


def _trained(
    mode: str, made: Checkpoint, splits: Splits, train_params: TrainParamsWith, folder: Path, callbacks: Any = ()
) -> Checkpoint:
    """A model that was trained on 24 rows, 3 steps an epoch, saved and loaded."""
    params = train_params(mode=mode, epochs=2)
    encoded = encode(made, splits["train"][:24]), encode(made, splits["validation"][:20])
    begun = modes.begin(made, encoded, params)
    fit(made, *encoded, params, learning_rate=1e-2, seed=3, state_folder=folder / "state", callbacks=callbacks)
    (folder / "model").mkdir()
    begun.before_saving(folder / "model")
    made.save(folder / "model")
    loaded = checkpoint.load(folder / "model")
    assert isinstance(loaded, Checkpoint)
    return loaded


def test_of_separate_encoders_each_is_represented_by_its_name(make: Make, splits: Splits) -> None:
    made = make("cls+span", separate_encoders=True)
    examples = splits["validation"][:5]
    with torch.no_grad():
        made.model.encoders["span"].get_input_embeddings().weight.mul_(2)
    assert np.array_equal(states(made, examples), states(make("cls+span"), examples))
    assert np.abs(states(made, examples, task="span") - states(made, examples)).max() > 1e-3
    assert Extraction(made, examples, "m", "span").about.encoder == "encoders.span"
    for model, task, legal in ((made, "spam", "Legal: span"), (make("cls"), "span", "none in this model")):
        with pytest.raises(UserError, match=rf"separate encoder '{task}'.*{legal}"):
            Extraction(model, examples, "m", task)


def test_what_is_over_budget_is_refused_with_the_numbers_before_the_encoder_runs(
    make: Make, splits: Splits, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    extraction = Extraction(make("cls"), splits["validation"][:10], "m")
    exact = size((10, 3, 32), extraction.about) / MIB
    extraction.check(exact, 1, "--budget")
    with pytest.raises(UserError, match=r"0\.00 MiB \(10 examples x 3 layers x 32 .*more than --budget: "):
        extraction.check(exact * 0.999, 1, "--budget")
    with pytest.raises(UserError, match=r"600 files of 10 examples.*train\.represent\.budget_mib: 1;"):
        RepresentCallback(
            extraction, _represent(train_params, steps=list(range(600)), budget_mib=1), 4,
            state=tmp_path / "state", out=tmp_path / "out",
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_does_not_show_its_layers_is_refused(make: Make, splits: Splits) -> None:
    made = make("cls")
    made.model.base_model.config.num_hidden_layers = 5
    with pytest.raises(UserError, match="a BertModel does not return the states of its 5 layers"):
        states(made, splits["validation"][:2])


def _represent(train_params: TrainParamsWith, **changes: Any) -> Any:
    return train_params(represent={"steps": [], "examples": 200, "budget_mib": 256} | changes).represent


def _watching(made: Checkpoint, splits: Splits, train_params: TrainParamsWith, folder: Path, steps: list[int]) -> Any:
    extraction = Extraction(made, splits["validation"][:20], "m")
    return RepresentCallback(
        extraction, _represent(train_params, steps=steps), 8, state=folder / "state", out=folder / "out"
    )


@pytest.mark.parametrize("mode", ["full", "frozen", "lora"])
def test_training_that_is_looked_on_goes_as_it_goes_without(
    mode: str, make: Make, splits: Splits, train_params: TrainParamsWith, tmp_path: Path
) -> None:
    (tmp_path / "alone").mkdir()
    alone = _trained(mode, make("cls"), splits, train_params, tmp_path / "alone").model.state_dict()
    made = make("cls")
    base = Extraction(made, *_same(splits)).run(8)
    watching = _watching(made, splits, train_params, tmp_path, [6, 0, 2])
    looked_on = _trained(mode, made, splits, train_params, tmp_path, [watching]).model.state_dict()
    assert all(torch.equal(value, looked_on[name]) for name, value in alone.items())

    found: dict[int, Representations] = {n: read(tmp_path / "out" / f"step-{n}.safetensors") for n in (0, 2, 6)}
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert [one.about.step for one in found.values()] == [0, 2, 6]
    assert np.array_equal(found[0].states, base.states) or mode == "lora"  # whose adapters add zero
    assert np.allclose(found[0].states, base.states, atol=1e-6)
    moved = [float(np.abs(one.states - base.states).max()) for one in found.values()]
    if mode == "frozen":
        assert max(moved) == 0
    else:
        assert moved[0] < 1e-6 < min(moved[1:])


def test_a_step_beyond_the_last_is_refused_and_one_that_is_not_reached_is_named(
    make: Make, splits: Splits, train_params: TrainParamsWith, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make("cls")
    watching = _watching(made, splits, train_params, tmp_path, [0, 7])
    with pytest.raises(UserError, match=r"train\.represent\.steps: 7 is beyond the 6 steps"):
        _trained("full", made, splits, train_params, tmp_path, [watching])
    assert not (tmp_path / "out").exists()

    watching = _watching(made, splits, train_params, tmp_path, [3, 5, 6])
    watching.on_train_end(None, type("State", (), {"global_step": 3}), None)
    assert "training ended at step 3; no representations of steps [5, 6]" in capfd.readouterr().err

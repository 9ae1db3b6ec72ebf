"""A checkpoint in ONNX Runtime says what it says in torch, whatever the lengths and sizes of batches.

pytest tests/deploy/test_onnx.py; single tasks, and int8: test_variants.py
"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src.core.records import Example
from src.core.user_errors import UserError
from src.deploy import onnx
from src.deploy.measurement import farthest
from src.models.batches import encode
from src.models.inference import run
from src.models.verbalizer import Verbalizer, VerbalizerConfig
from tests.models.conftest import Make


@pytest.mark.parametrize(("task", "encoder"), [("cls+span+evidence", "bert"), ("cls", "xlm-roberta")])
def test_batches_of_any_size_and_length_give_the_logits_of_torch(
    task: str, encoder: str, make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make(task, encoder)
    for weights in made.model.parameters():
        torch.nn.init.normal_(weights, std=0.2)  # else all texts have nearly the same logits
    onnx.save(made, tmp_path)
    loaded = onnx.load(tmp_path)
    assert (loaded.labels, loaded.max_length, loaded.settings) == (made.labels, made.max_length, made.settings)

    texts = [" ".join(["קרח"] * words) for words in (1, 2, 30, 2 * made.max_length)]
    rows = [Example(id=text, text=text, split="test", tokens=text.split()) for text in texts] + splits["validation"][:8]
    for batch_size in (1, 3, len(rows)):
        expected = run(made, encode(made, rows), batch_size)
        assert farthest(run(loaded, encode(loaded, rows), batch_size), expected) < 1e-4
    assert expected["cls"][0] != pytest.approx(expected["cls"][-1], abs=1e-2)
    assert [row.predicted for row in loaded.predict(rows, 4)] == [row.predicted for row in made.predict(rows, 4)]


def test_a_missing_package_is_said_with_the_line_that_installs_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    with pytest.raises(UserError, match="pip install onnx onnxruntime onnxscript"):
        onnx.save(make("cls"), tmp_path)


def test_what_has_no_form_in_onnx_says_so(make: Make, tmp_path: Path) -> None:
    made = make("cls")
    asked = Verbalizer(VerbalizerConfig(made.model.config.to_dict(), made.labels["cls"]))
    with pytest.raises(UserError, match="mode zero_shot"):
        onnx.save(replace(made, model=asked), tmp_path)
    made.model.forward = lambda **inputs: inputs["input_ids"].tolist()[0]
    with pytest.raises(UserError, match=r"torch\.onnx cannot convert BertForSequenceClassification"):
        onnx.save(made, tmp_path)
    assert list(tmp_path.iterdir()) == []

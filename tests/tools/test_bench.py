"""bench on a tiny model, with few requests.

pytest tests/tools/test_bench.py
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, BertConfig

from src.core.records import Example
from src.core.user_errors import UserError
from src.deploy import measurement
from src.models import hardware, tiny
from src.models.checkpoint import Checkpoint
from src.models.matcher import Matcher
from tests.conftest import ROOT
from tests.tools.conftest import Tool

SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture
def model(splits: dict[str, list[Example]], tmp_path: Path) -> Path:
    tokenizer = tiny.tokenizer(splits["train"])
    tokenizer.model_max_length = 64
    made = AutoModelForSequenceClassification.from_config(BertConfig(vocab_size=len(tokenizer), **SIZES))
    Checkpoint(made, tokenizer, {"cls": ["a", "b"]}, 64).save(tmp_path / "model")
    return tmp_path / "model"


def test_each_variant_is_measured_and_what_the_model_lacks_is_named(
    model: Path, prepared: Path, splits: dict[str, list[Example]], tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # else ONNX is left out where there is a GPU
    few = ["--requests", 4, "--warm-up", 1, "--batch-size", 2, "--variants", "bf16", "fp32", "adapter", "onnx_int8"]
    ended = tool("bench", "--model", model, "--data", prepared, *few, "--json")
    assert ended.status == 0, ended.err
    assert ended.err.startswith("left out: adapter: it has no separate adapter")
    assert ended.err.count("\n") == 1
    found = json.loads(ended.out)
    assert found["left_out"].keys() == {"adapter"}
    assert list(found["variants"]) == ["bf16", "fp32", "onnx_int8"]
    for one in found["variants"].values():
        times = one["latency_ms"]
        assert 0 < times["median"] <= times["p95"] <= times["p99"]
        assert min(one["rows_per_second"], one["load_seconds"], times["mean"]) > 0
        assert 50 < one["peak_memory_mib"] < 4000
    assert found["variants"]["fp32"]["max_difference"] == 0.0
    assert 0 < found["variants"]["bf16"]["max_difference"] < 0.1
    assert 0 < found["variants"]["onnx_int8"]["max_difference"] < 0.1
    assert found["variants"]["bf16"]["size_mib"] == pytest.approx(found["variants"]["fp32"]["size_mib"] / 2, rel=0.05)
    assert found["texts"] == len(splits["validation"])
    assert 3 <= found["sub_words"]["median"] <= found["sub_words"]["p95"] <= found["sub_words"]["most"] <= 64
    assert found["hardware"]["device"] == hardware.describe(hardware.device())["device"]
    assert (found["requests"], found["warm_up"], found["batch_size"]) == (4, 1, 2)


def test_texts_of_a_file_make_a_table(model: Path, tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("הוא שבר את הקרח\n\none\ttwo\n", encoding="utf-8")
    ended = tool("bench", "--model", model, "--file", tmp_path / "texts.txt", "--requests", 2, "--variants", "fp32")
    assert ended.status == 0, ended.err
    heading, _, line = ended.out.splitlines()[:3]
    assert heading.split("  ")[0] == "variant"
    assert line.split()[0] == "fp32"
    assert f"torch {torch.__version__}" in ended.out
    assert "2 requests of one text" in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--requests", "0"], "--requests is 0; it must be 1 or more"),
        (["--warm-up", "-1"], "--warm-up is -1; it must be 1 or more"),
        (["--data", "nowhere"], "nowhere/validation.jsonl"),
        (["--file", "nowhere.txt"], "--file nowhere.txt: No such file"),
        (["--file", "empty.txt"], "empty.txt has no text"),
        (["--file", "bad.txt"], "line 1 is not UTF-8"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    arguments: list[str], message: str, model: Path, tool: Tool, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\n")
    os.chdir(tmp_path)
    ended = tool("bench", "--model", model, *arguments)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert message in ended.err


def is_at_work(child: psutil.Process) -> bool:
    """Says whether a process is that of a variant, and has read what it is to do: then it has loaded torch."""
    try:
        return any("libtorch" in library.path for library in child.memory_maps())
    except psutil.Error:  # gone meanwhile
        return False


@pytest.mark.parametrize(
    ("struck", "number", "status", "said"),
    [
        ("bench", signal.SIGTERM, 143, "error: terminated; run the same command again to continue"),
        ("variant", signal.SIGKILL, 2, "has none of these variants: its process was killed"),
    ],
)
def test_bench_ends_with_the_process_of_a_variant_and_that_with_bench(
    struck: str, number: int, status: int, said: str, model: Path, prepared: Path
) -> None:
    command = [sys.executable, "-m", "src", "bench", "--variants=fp32", "--requests=1000000"]
    process = subprocess.Popen(
        [*command, f"--model={model}", f"--data={prepared}"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    variants: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    while not variants:
        assert time.monotonic() < deadline
        variants = [child for child in psutil.Process(process.pid).children() if is_at_work(child)]
        time.sleep(0.1)
    (process if struck == "bench" else variants[0]).send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert said in err.splitlines()[-1]
    assert not any(child.is_running() for child in variants)


def test_what_runs_on_the_cpu_is_not_compared_with_a_gpu(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "device", lambda: torch.device("cuda"))
    with pytest.raises(UserError, match="hide the GPU: CUDA_VISIBLE_DEVICES="):
        measurement.convert("onnx", model, tmp_path, trust_remote_code=False)


def test_a_folder_without_a_model_or_with_none_that_could_be_measured_is_one_error(
    tool: Tool, prepared: Path, tmp_path: Path, model: Path
) -> None:
    (model / "model.safetensors").write_bytes(b"torn")
    Matcher({"span": ["O", "B-IDIOM", "I-IDIOM"]}, "IDIOM", ["שבר את הקרח"]).save(tmp_path / "idioms")
    for folder, said in (
        (tmp_path, "contains no model; train one"),
        (model, "cannot be loaded"),
        (tmp_path / "idioms", "which has no weights"),
    ):
        ended = tool("bench", "--model", folder, "--data", prepared)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert str(folder) in ended.err
        assert said in ended.err


def test_a_damaged_adapter_is_left_out_and_a_variant_that_is_named_twice_is_measured_once(
    model: Path, prepared: Path, tool: Tool
) -> None:
    config = LoraConfig(target_modules=["query"], base_model_name_or_path=str(model))
    get_peft_model(AutoModelForSequenceClassification.from_pretrained(model), config).save_pretrained(model / "adapter")
    weights = model / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    options = ["--requests", 2, "--warm-up", 1, "--variants", "adapter", "fp32", "fp32", "--json"]
    ended = tool("bench", "--model", model, "--data", prepared, *options)
    assert ended.status == 0, ended.err
    assert ended.err.startswith(f"left out: adapter: the model in {model / 'adapter'} cannot be loaded: ")
    assert ended.err.count("\n") == 1
    assert list(json.loads(ended.out)["variants"]) == ["fp32"]

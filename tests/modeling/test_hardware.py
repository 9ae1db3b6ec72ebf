"""What follows from the machine, with and without a GPU (which is only pretended).

pytest tests/modeling/test_hardware.py
"""

import json

import pytest
import torch

from src.errors import UserError
from src.modeling import hardware


def pretend(monkeypatch: pytest.MonkeyPatch, *, gpu: bool, bf16: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Pretended GPU")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *_: 3 * 2**20)


@pytest.mark.parametrize(
    ("wanted", "gpu", "bf16", "expected"),
    [
        ("auto", False, False, "fp32"),
        ("auto", True, True, "bf16"),
        ("auto", True, False, "fp16"),
        ("fp32", True, True, "fp32"),
        ("bf16", False, False, "bf16"),
        ("fp16", True, True, "fp16"),
    ],
)
def test_precision_follows_the_machine_unless_it_is_given(
    wanted: str, gpu: bool, bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, gpu=gpu, bf16=bf16)
    assert hardware.precision(wanted) == expected


def test_half_precision_without_a_gpu_is_refused_with_what_is_legal(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=False)
    with pytest.raises(UserError, match=r"train\.precision: fp16.*GPU.*fp32.*auto"):
        hardware.precision("fp16")


@pytest.mark.parametrize(("gpu", "kind"), [(True, "cuda"), (False, "cpu")])
def test_the_device_is_the_gpu_where_there_is_one(gpu: bool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=gpu)
    assert hardware.device().type == kind


@pytest.mark.parametrize("gpu", [True, False])
def test_a_description_names_versions_and_device_and_is_json(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=gpu)
    described = json.loads(json.dumps(hardware.describe()))
    assert described.keys() == {"python", "torch", "transformers", "accelerate", "platform", "device", "threads"}
    assert described["torch"] == torch.__version__
    assert (described["device"] == "Pretended GPU") is gpu
    assert all(described.values())


def test_peak_memory_is_that_of_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=True)
    assert hardware.peak_memory_mib() == 3.0


def test_peak_memory_of_a_host_is_in_mib_and_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=False)
    before = hardware.peak_memory_mib()
    held = torch.ones(50 * 2**20 // 4)  # 50 MiB
    after = hardware.peak_memory_mib()
    assert 100 < before <= after < 2**20  # torch alone needs more than 100 MiB, and no machine here has a TiB
    assert held.sum() > 0


@pytest.mark.parametrize(("system", "expected"), [("linux", 2.0), ("darwin", 2.0 / 1024)])
def test_peak_memory_knows_the_unit_of_the_system(
    system: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, gpu=False)
    monkeypatch.setattr(hardware.sys, "platform", system)
    monkeypatch.setattr(hardware.resource, "getrusage", lambda _: type("Usage", (), {"ru_maxrss": 2048}))
    assert hardware.peak_memory_mib() == pytest.approx(expected, abs=0.06)

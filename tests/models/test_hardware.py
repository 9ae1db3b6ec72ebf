"""What follows from the machine, with and without a GPU (which is only pretended).

pytest tests/models/test_hardware.py
"""

import json
from dataclasses import asdict
from typing import Any

import pytest
import torch

from src.core.user_errors import UserError
from src.models import hardware
from tests.models.conftest import TrainParamsWith

CPU = torch.device("cpu")


def pretend(monkeypatch: pytest.MonkeyPatch, *, gpu: bool, bf16: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: bf16)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_tile": bf16, "avx512_bf16": False, "avx2": True})
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Pretended GPU")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *_: 3 * 2**20)


class Model:
    """A model of so many weights behind its embeddings."""

    def __init__(self, weights: int) -> None:
        self.weights = weights

    def num_parameters(self, *, exclude_embeddings: bool) -> int:
        assert exclude_embeddings
        return self.weights


@pytest.mark.parametrize(
    ("wanted", "gpu", "bf16", "weights", "expected"),
    [
        ("auto", False, False, 85_000_000, "fp32"),
        ("auto", False, True, 85_000_000, "bf16"),
        ("auto", False, True, 1_600_000, "fp32"),
        ("auto", True, True, 1_600_000, "bf16"),
        ("auto", True, False, 85_000_000, "fp16"),
        ("fp32", True, True, 85_000_000, "fp32"),
        ("bf16", False, False, 85_000_000, "bf16"),
        ("fp16", True, True, 85_000_000, "fp16"),
    ],
)
def test_precision_follows_machine_and_size_unless_it_is_given(
    wanted: str, gpu: bool, bf16: bool, weights: int, expected: str, monkeypatch: pytest.MonkeyPatch,
    train_params: TrainParamsWith,
) -> None:  # fmt: skip
    pretend(monkeypatch, gpu=gpu, bf16=bf16)
    assert hardware.precision(train_params(precision=wanted), Model(weights)) == expected


def test_a_gpu_is_not_asked_what_a_run_on_the_cpu_can_do(
    monkeypatch: pytest.MonkeyPatch, train_params: TrainParamsWith
) -> None:
    pretend(monkeypatch, gpu=True, bf16=True)
    params = train_params(device="cpu")
    assert hardware.precision(params, Model(1)) == "fp32"
    assert hardware.choose(params).device == "cpu"


def test_half_precision_without_a_gpu_is_refused_with_what_is_legal(
    monkeypatch: pytest.MonkeyPatch, train_params: TrainParamsWith
) -> None:
    pretend(monkeypatch, gpu=False)
    with pytest.raises(UserError, match=r"train\.precision: fp16.*GPU.*fp32.*auto"):
        hardware.precision(train_params(precision="fp16"), Model(1))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=False)
    with pytest.raises(UserError, match=r"train\.device: cuda.*cpu or auto"):
        hardware.device("cuda")


@pytest.mark.parametrize(
    ("gpu", "chosen"),
    [
        (False, {"device": "cpu", "loader_workers": 0, "pin_memory": False, "tf32": False}),
        (True, {"device": "cuda", "loader_workers": 2, "pin_memory": True, "tf32": True}),
    ],
)
def test_what_is_left_open_follows_the_machine_and_what_is_given_wins(
    gpu: bool, chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch, train_params: TrainParamsWith
) -> None:
    pretend(monkeypatch, gpu=gpu)
    found = asdict(hardware.choose(train_params()))
    assert found == chosen | {"threads": torch.get_num_threads(), "deterministic": True}
    given = {"threads": 3, "loader_workers": 1, "pin_memory": not gpu, "tf32": not gpu, "deterministic": False}
    assert asdict(hardware.choose(train_params(**given))) == given | {"device": chosen["device"]}


def test_what_is_prepared_is_what_torch_works_with(train_params: TrainParamsWith) -> None:
    threads = torch.get_num_threads()
    given = {"device": "cpu", "threads": threads + 1, "tf32": True, "deterministic": True}
    try:
        assert hardware.prepare(train_params(**given)) == hardware.choose(train_params(**given))
        assert torch.get_num_threads() == threads + 1
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cuda.matmul.allow_tf32
        hardware.prepare(train_params(**given | {"tf32": False, "deterministic": False}))
        assert not torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.set_num_threads(threads)


def test_a_model_of_half_precision_is_predicted_with_in_full_where_there_is_no_gpu() -> None:
    assert hardware.dtype("fp16", torch.device("cpu")) == torch.float32
    assert hardware.dtype("fp16", torch.device("cuda")) == torch.float16
    assert hardware.dtype("bf16", torch.device("cpu")) == torch.bfloat16


@pytest.mark.parametrize(("gpu", "kind"), [(True, "cuda"), (False, "cpu")])
def test_the_device_is_the_gpu_where_there_is_one(gpu: bool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=gpu)
    assert hardware.device().type == kind


@pytest.mark.parametrize("gpu", [True, False])
def test_a_description_names_versions_and_device_and_is_json(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=gpu)
    described = json.loads(json.dumps(hardware.describe(hardware.device())))
    assert described.keys() == {"python", "torch", "transformers", "accelerate", "platform", "device"}
    assert described["torch"] == torch.__version__
    assert (described["device"] == "Pretended GPU") is gpu
    assert all(described.values())


def test_peak_memory_is_that_of_the_gpu_where_it_is_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=True)
    assert hardware.peak_memory_mib(torch.device("cuda")) == 3.0


def test_a_run_on_the_cpu_of_a_machine_with_a_gpu_has_the_figures_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=True)
    assert hardware.describe(CPU)["device"] != "Pretended GPU"
    assert hardware.peak_memory_mib(CPU) > 10
    assert hardware.memory_mib(CPU) > 100


def test_peak_memory_of_a_host_is_in_mib_and_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=False)
    before = hardware.peak_memory_mib(CPU)
    held = torch.ones(50 * 2**20 // 4)  # 50 MiB
    after = hardware.peak_memory_mib(CPU)
    assert 100 < before <= after < 2**20  # torch alone needs more than 100 MiB, and no machine here has a TiB
    assert held.sum() > 0


@pytest.mark.parametrize(("system", "expected"), [("freebsd", 2.0), ("darwin", 2.0 / 1024)])
def test_peak_memory_knows_the_unit_of_the_system(
    system: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, gpu=False)
    monkeypatch.setattr(hardware.sys, "platform", system)
    monkeypatch.setattr(hardware.resource, "getrusage", lambda _: type("Usage", (), {"ru_maxrss": 2048}))
    assert hardware.peak_memory_mib(CPU) == pytest.approx(expected, abs=0.06)


@pytest.mark.skipif(hardware.sys.platform != "linux", reason="/proc is Linux's")
def test_peak_memory_is_not_that_of_the_process_which_started_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel hands ru_maxrss down to the processes that one starts."""
    pretend(monkeypatch, gpu=False)
    monkeypatch.setattr(hardware.resource, "getrusage", lambda _: type("Usage", (), {"ru_maxrss": 2**40}))
    assert 10 < hardware.peak_memory_mib(CPU) < 2**20

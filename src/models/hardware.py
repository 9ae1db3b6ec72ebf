"""The machine and the settings that depend on it: device, precision, threads, data loading, memory."""

import os
import platform
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import PreTrainedModel

from src.core.config import TrainParams
from src.core.user_errors import UserError

SMALL = 10_000_000  # weights without embeddings; below it, bf16 is not faster on a CPU
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Setup:
    """The parameters of the same names, with null and auto replaced by values for this machine."""

    device: str
    threads: int
    loader_workers: int
    pin_memory: bool
    tf32: bool
    deterministic: bool


def choose(params: TrainParams) -> Setup:
    """Replaces null and auto in the parameters by values for this machine.

    Raises:
        UserError: train.device is cuda, but there is no GPU.
    """
    kind = device(params.device).type
    on_gpu = kind == "cuda"
    can_tf32 = on_gpu and torch.cuda.get_device_capability() >= (8, 0)
    return Setup(
        device=kind,
        threads=params.threads or torch.get_num_threads(),
        loader_workers=(2 if on_gpu else 0) if params.loader_workers is None else params.loader_workers,
        pin_memory=on_gpu if params.pin_memory is None else params.pin_memory,
        tf32=can_tf32 if params.tf32 is None else params.tf32,
        deterministic=params.deterministic,
    )


def prepare(params: TrainParams) -> Setup:
    """Chooses the setup and applies it to torch for the whole process.

    Raises:
        UserError: as in `choose`.
    """
    setup = choose(params)
    torch.set_num_threads(setup.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setup.tf32
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # otherwise cuBLAS may differ between runs
    torch.use_deterministic_algorithms(setup.deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # slow, not needed
    return setup


@contextmanager
def without_tf32() -> Iterator[None]:
    """Turns TF32 off within a `with` block, so that a GPU multiplies fp32 with the full mantissa."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def device(name: str = "auto") -> torch.device:
    """Returns the device of the parameter train.device; auto: the GPU if there is one, else the CPU.

    Raises:
        UserError: train.device is cuda, but there is no GPU.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise UserError("train.device: cuda, but torch finds no GPU; set cpu or auto")
    return torch.device("cuda" if has_gpu and name != "cpu" else "cpu")


def precision(params: TrainParams, model: PreTrainedModel) -> str:
    """Returns fp32, bf16 or fp16 for the parameter train.precision.

    Raises:
        UserError: fp16 without a GPU.
    """
    on_gpu = device(params.device).type == "cuda"
    if params.precision == "fp16" and not on_gpu:
        raise UserError("train.precision: fp16 needs a GPU; set fp32, bf16 or auto")
    if params.precision != "auto":
        return params.precision
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    large = model.num_parameters(exclude_embeddings=True) >= SMALL
    return "bf16" if large and _has_fast_bf16() else "fp32"


def _has_fast_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_tile", "avx512_bf16"))


def dtype(precision: str, device: torch.device) -> torch.dtype:
    """Returns the data type for predictions. A CPU uses fp32 for an fp16 model, because CPUs are slow in fp16."""
    return torch.float32 if precision == "fp16" and device.type == "cpu" else DTYPES[precision]


def free_memory() -> None:
    """Releases unused memory of the GPU allocator."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe(device: torch.device) -> dict[str, Any]:
    """Returns the device name and the versions that a result depends on."""
    import accelerate
    import transformers

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "accelerate": accelerate.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else _cpu_name(),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def peak_memory_mib(device: torch.device) -> float:
    """Returns the peak memory of this process in MiB, on the GPU or, for a CPU, on the host."""
    if device.type == "cuda":
        return float(round(torch.cuda.max_memory_allocated() / 2**20, 1))
    if sys.platform == "linux":  # here ru_maxrss includes the parent process
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return round(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 2**10, 1)
    unit = 1 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes on macOS, in KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def memory_mib(device: torch.device) -> float:
    """Returns the memory of the device in MiB; for a CPU, the memory of the host."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(0).total_memory / 2**20)
    return float(psutil.virtual_memory().total / 2**20)

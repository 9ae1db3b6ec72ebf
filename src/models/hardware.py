"""What the machine is, and what follows from it: device, precision, threads, loading, memory."""

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

SMALL = 10_000_000  # weights behind the embeddings; in a smaller model, casts cost more than bf16 saves on a CPU
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Setup:
    """How training uses the machine; the parameters of the same names, with what they leave open chosen."""

    device: str
    threads: int
    loader_workers: int
    pin_memory: bool
    tf32: bool
    deterministic: bool


def choose(params: TrainParams) -> Setup:
    """Chooses by the machine what the parameters leave open.

    Raises:
        UserError: a GPU is asked for where there is none.
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
    """Chooses, and sets what torch keeps for the whole process.

    Raises:
        UserError: as of `choose`.
    """
    setup = choose(params)
    torch.set_num_threads(setup.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setup.tf32
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may differ from run to run
    torch.use_deterministic_algorithms(setup.deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs, and nobody reads it
    return setup


@contextmanager
def without_tf32() -> Iterator[None]:
    """Lets a GPU multiply fp32 with all of its mantissa, for a while."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def device(wanted: str = "auto") -> torch.device:
    """Turns the parameter train.device into a device; auto: the GPU where there is one, else the CPU.

    Raises:
        UserError: a GPU is asked for where there is none.
    """
    found = torch.cuda.is_available()
    if wanted == "cuda" and not found:
        raise UserError("train.device: cuda, but torch finds no GPU here; set cpu or auto")
    return torch.device("cuda" if found and wanted != "cpu" else "cpu")


def precision(params: TrainParams, model: PreTrainedModel) -> str:
    """Turns the parameter train.precision into fp32, bf16 or fp16.

    Raises:
        UserError: fp16 without a GPU.
    """
    on_gpu = device(params.device).type == "cuda"
    if params.precision == "fp16" and not on_gpu:
        raise UserError("train.precision: fp16 needs a GPU; here fp32, bf16 or auto")
    if params.precision != "auto":
        return params.precision
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    large = model.num_parameters(exclude_embeddings=True) >= SMALL
    return "bf16" if large and _has_fast_bf16() else "fp32"


def _has_fast_bf16() -> bool:
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("amx_tile", "avx512_bf16"))


def dtype(precision: str, on: torch.device) -> torch.dtype:
    """Returns the type to predict in; where a CPU meets a model of fp16, which CPUs are slow at, it is fp32."""
    return torch.float32 if precision == "fp16" and on.type == "cpu" else DTYPES[precision]


def free_memory() -> None:
    """Gives back what the allocator of the GPU holds and nothing uses."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe(device: torch.device) -> dict[str, Any]:
    """Names the device and the versions that a result depends on."""
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
    """Returns the most memory that this process has held, in MiB: of the GPU or, on a CPU, of the host."""
    if device.type == "cuda":
        return float(round(torch.cuda.max_memory_allocated() / 2**20, 1))
    if sys.platform == "linux":  # where ru_maxrss begins with that of the process which started this one
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return round(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 2**10, 1)
    unit = 1 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes on macOS, in KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def memory_mib(device: torch.device) -> float:
    """Returns the memory of the device, in MiB; a CPU has that of the host."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(0).total_memory / 2**20)
    return float(psutil.virtual_memory().total / 2**20)

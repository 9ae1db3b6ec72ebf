"""Measures one deployment variant of a model, in a separate process."""

import argparse
import logging
import multiprocessing
import signal
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from transformers.utils import logging as transformers_logging

from src.core.records import Example
from src.core.user_errors import UserError
from src.deploy import latency, variants
from src.deploy.latency import Latency
from src.models import hardware, inference
from src.models.batches import encode
from src.models.inference import Logits

COMPARED = 64  # texts whose logits are compared with those of the reference


@dataclass(frozen=True)
class Measured:
    """The measurements of one variant.

    Attributes:
        rows_per_second: for batches, from texts to predictions.
        load_seconds: from the files to a model on the device, without conversion and without the imports of torch and
            transformers.
        peak_memory_mib: peak memory of the process, with libraries and loading; on a GPU, peak GPU memory.
        size_mib: size of all weights in memory; for ONNX, size of the file.
        logits: the logits of the first COMPARED texts.
        sub_words: number of sub-words of each text.
    """

    latency: Latency
    rows_per_second: float
    load_seconds: float
    peak_memory_mib: float
    size_mib: float
    logits: Logits
    sub_words: Sequence[int]


def in_own_process(function: Callable[..., Any], *arguments: object) -> Any:
    """Calls a function in a separate process, so that each measurement of memory starts from zero.

    Raises:
        UserError: the process was killed, or the function raised a UserError.
    """
    context = multiprocessing.get_context("spawn")
    ignore_ctrl_c = (signal.SIGINT, signal.SIG_IGN)  # this process receives Ctrl-C and ends the child
    with ProcessPoolExecutor(1, context, initializer=signal.signal, initargs=ignore_ctrl_c) as process:
        try:
            return process.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise UserError("its process was killed, perhaps out of memory; try a smaller --batch-size") from error
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C, SIGTERM: otherwise the executor waits for the child
                for child in multiprocessing.active_children():
                    child.terminate()
            raise


def convert(name: str, model: Path, folder: Path, trust_remote_code: bool) -> None:
    """Writes the files of one variant to a folder.

    Raises:
        UserError: the model does not have this variant, or the other variants would run on a GPU.
    """
    if hardware.device().type != "cpu":
        raise UserError(
            "it runs on the CPU, but the other variants run on the GPU; to run all on the CPU, hide the GPU: "
            "CUDA_VISIBLE_DEVICES="
        )
    silence()
    warnings.simplefilter("ignore")  # the conversion prints many warnings of torch and onnxruntime
    logging.disable(logging.WARNING)
    variants.convert(name, model, folder, trust_remote_code=trust_remote_code)


def silence() -> None:
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # else it warns of missing heads, which the adapter contains
    warnings.simplefilter("ignore", FutureWarning)  # peft uses deprecated functions of transformers


def measure(name: str, folder: Path, examples: Sequence[Example], arguments: argparse.Namespace) -> Measured:
    """Measures one variant, in this process.

    Args:
        folder: folder of the variant's files.

    Raises:
        UserError: the model does not have this variant.
    """
    silence()
    loaded: list[variants.Deployed] = []
    trust = arguments.trust_remote_code
    load_seconds = latency.seconds(lambda: loaded.append(variants.load(name, folder, trust_remote_code=trust)))
    (deployed,) = loaded
    model = deployed.checkpoint

    def request(number: int) -> None:
        deployed.before(number)
        model.predict([examples[number % len(examples)]], 1)

    times = latency.measure(request, arguments.requests, arguments.warm_up)
    batches = list(islice((example for _ in range(arguments.requests) for example in examples), arguments.requests))
    model.predict(batches[: arguments.batch_size], arguments.batch_size)  # the first batch chooses kernels
    seconds = latency.seconds(lambda: model.predict(batches, arguments.batch_size))
    peak = hardware.peak_memory_mib(hardware.device())
    encoded = encode(model, examples)
    compared = encode(model, examples[:COMPARED])
    return Measured(
        latency=times,
        rows_per_second=len(batches) / seconds,
        load_seconds=load_seconds,
        peak_memory_mib=peak,
        size_mib=deployed.size_mib,
        logits=inference.run(model, compared, arguments.batch_size),
        sub_words=[sum(len(window.inputs["input_ids"]) for window in windows) for windows in encoded.windows],
    )


def farthest(logits: Logits, others: Logits) -> float:
    """Returns the largest absolute difference between two logits at the same position."""
    return max(float(np.abs(a - b).max()) for task in logits for a, b in zip(logits[task], others[task], strict=True))

"""Measures one deployment variant of a model, in a process of its own."""

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
    """One variant.

    Attributes:
        rows_per_second: of batches, from texts to predictions.
        load_seconds: from the files to a model on the device; a conversion, and the imports of torch and transformers,
            are over by then.
        peak_memory_mib: of the process, all libraries and the loading included; of the GPU where there is one.
        size_mib: of all weights, as they lie in memory; of ONNX, in its file.
        logits: of the first COMPARED texts.
        sub_words: of each text, as the model reads it.
    """

    latency: Latency
    rows_per_second: float
    load_seconds: float
    peak_memory_mib: float
    size_mib: float
    logits: Logits
    sub_words: Sequence[int]


def in_own_process(what: Callable[..., Any], *arguments: object) -> Any:
    """Calls in a process of its own: memory that one has taken is not counted to the next.

    Raises:
        UserError: the process was killed; and what is raised there.
    """
    context = multiprocessing.get_context("spawn")
    heedless = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for this process, which ends the other
    with ProcessPoolExecutor(1, context, initializer=signal.signal, initargs=heedless) as process:
        try:
            return process.submit(what, *arguments).result()
        except BrokenProcessPool as error:
            raise UserError("its process was killed, as where memory runs out; try a smaller --batch-size") from error
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C, SIGTERM: else a child that is still at work is waited for
                for child in multiprocessing.active_children():
                    child.terminate()
            raise


def convert(name: str, model: Path, folder: Path, trust_remote_code: bool) -> None:
    """Writes the files of one variant to a folder.

    Raises:
        UserError: the model has no such variant, or it would be compared with others on a GPU.
    """
    if hardware.device().type != "cpu":
        raise UserError("it runs on the CPU, and all others here on the GPU: hide that with CUDA_VISIBLE_DEVICES=")
    silence()
    warnings.simplefilter("ignore")  # of what torch and onnxruntime would like otherwise
    logging.disable(logging.WARNING)
    variants.convert(name, model, folder, trust_remote_code=trust_remote_code)


def silence() -> None:
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # heads that the base of an adapter lacks are the adapter's
    warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for what will be gone


def measure(name: str, folder: Path, examples: Sequence[Example], arguments: argparse.Namespace) -> Measured:
    """Measures one variant, in this process.

    Args:
        folder: which it is loaded from.

    Raises:
        UserError: the model has no such variant.
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
    model.predict(batches[: arguments.batch_size], arguments.batch_size)  # the first batch chooses kernels anew
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
    """Returns the largest difference between two logits of the same place."""
    return max(
        float(np.abs(one - other).max())
        for task in logits
        for one, other in zip(logits[task], others[task], strict=True)
    )

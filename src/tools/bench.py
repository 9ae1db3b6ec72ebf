"""Measures what a model costs to deploy: latency of single requests, rows per second, loading, memory, size.

    python -m src.tools.bench                               # models/current, on texts of the prepared validation split
    python -m src.tools.bench --file texts.txt --json       # a text a line; a tab parts the two of a pair
    python -m src.tools.bench --variants fp32 bf16

Each variant (a form of the model: its precision, its adapters, ONNX) is measured in a process of its own, after a
warm-up. A request is one text, from its characters to its prediction. Those that the model does not have are left out,
and named; what converts it to ONNX is not measured.
"""

import argparse
import json
import logging
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from transformers.utils import logging as transformers_logging

from src.analysis.tables import TEXT
from src.core.command import run
from src.core.records import Example, read_examples
from src.core.user_errors import UserError
from src.deploy import latency, variants
from src.deploy.latency import Latency
from src.deploy.variants import CONVERTED, VARIANTS
from src.models import hardware
from src.models.batches import encode
from src.models.checkpoint import load_checkpoint
from src.models.inference import Logits
from src.models.inference import run as run_model
from src.tools.predict import of_lines

REFERENCE = "fp32"  # the variant that others are compared with
COMPARED = 64  # texts whose logits are
HEADINGS = (
    "variant", "mean ms", "median ms", "p95 ms", "p99 ms", "rows/s", "load s", "peak MiB", "size MiB", "max difference",
)  # fmt: skip


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=Path("models/current"), help="folder; default: models/current")
    parser.add_argument("--data", type=Path, default=Path("data/prepared"), help="folder that prepare wrote")
    parser.add_argument("--file", type=Path, help="a text a line, in place of the validation split of --data")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
                        help=f"some of: {', '.join(VARIANTS)}")  # fmt: skip
    parser.add_argument("--requests", type=int, default=200, help="single requests; default: 200")
    parser.add_argument("--warm-up", type=int, default=20, help="requests before these; default: 20")
    parser.add_argument("--batch-size", type=int, default=64, help="rows per forward pass, of rows/s; default: 64")
    parser.add_argument("--trust-remote-code", action="store_true", help="let the model run code of its own")
    parser.add_argument("--json", action="store_true", help="print JSON, with all digits")
    arguments = parser.parse_args()
    for option in ("requests", "warm_up", "batch_size"):
        if (given := getattr(arguments, option)) < 1:
            raise UserError(f"--{option.replace('_', '-')} is {given}; it must be 1 or more")

    examples = _examples(arguments.file, arguments.data)
    _silence()
    load_checkpoint(arguments.model, trust_remote_code=arguments.trust_remote_code)  # otherwise no variant can be
    found: dict[str, Measured] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(arguments.variants):
        try:
            with TemporaryDirectory() as converted:
                folder = arguments.model
                if name in CONVERTED:
                    _alone(convert, name, folder, Path(converted), arguments.trust_remote_code)
                    folder = Path(converted)
                found[name] = _alone(measure, name, folder, examples, arguments)
        except UserError as error:
            left_out[name] = str(error)
            print(f"left out: {name}: {error}", file=sys.stderr)
    if not found:
        raise UserError(f"{arguments.model} has none of these variants: {next(iter(left_out.values()))}")
    report = _report(found, left_out, arguments)
    print(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False) if arguments.json else _text(report))


def _alone(what: Callable[..., Any], *arguments: object) -> Any:
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


def _examples(file: Path | None, data: Path) -> list[Example]:
    if file is None:
        return read_examples(data / "validation.jsonl")
    try:
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            found = list(of_lines(lines))
    except OSError as error:
        raise UserError(f"--file {file}: {error.strerror}") from error
    for row in found:
        if isinstance(row, UserError):
            raise UserError(f"--file {file}: {row}")
    if not found:
        raise UserError(f"--file {file} has no text")
    return [row for row in found if isinstance(row, Example)]


def convert(name: str, model: Path, folder: Path, trust_remote_code: bool) -> None:
    """Writes the files of one variant to a folder.

    Raises:
        UserError: the model has no such variant, or it would be compared with others on a GPU.
    """
    if hardware.device().type != "cpu":
        raise UserError("it runs on the CPU, and all others here on the GPU: hide that with CUDA_VISIBLE_DEVICES=")
    _silence()
    warnings.simplefilter("ignore")  # of what torch and onnxruntime would like otherwise
    logging.disable(logging.WARNING)
    variants.convert(name, model, folder, trust_remote_code=trust_remote_code)


def _silence() -> None:
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
    _silence()
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
        logits=run_model(model, compared, arguments.batch_size),
        sub_words=[sum(len(window.inputs["input_ids"]) for window in windows) for windows in encoded.windows],
    )


def _report(
    found: Mapping[str, Measured], left_out: Mapping[str, str], arguments: argparse.Namespace
) -> dict[str, Any]:
    first = next(iter(found.values()))
    reference = found.get(REFERENCE)
    median, p95, most = np.percentile(first.sub_words, [50, 95, 100])
    return {
        "model": str(arguments.model),
        "files_mib": _files_mib(arguments.model),
        "hardware": hardware.describe(hardware.device()) | {"threads": torch.get_num_threads()},
        "requests": arguments.requests,
        "warm_up": arguments.warm_up,
        "batch_size": arguments.batch_size,
        "texts": len(first.sub_words),
        "sub_words": {"median": float(median), "p95": float(p95), "most": int(most)},
        "variants": {
            name: {
                "latency_ms": asdict(one.latency),
                "rows_per_second": one.rows_per_second,
                "load_seconds": one.load_seconds,
                "peak_memory_mib": one.peak_memory_mib,
                "size_mib": one.size_mib,
                "max_difference": None if reference is None else farthest(one.logits, reference.logits),
            }
            for name, one in found.items()
        },
        "left_out": dict(left_out),
    }


def _files_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def farthest(logits: Logits, others: Logits) -> float:
    """Returns the largest difference between two logits of the same place."""
    return max(
        float(np.abs(one - other).max())
        for task in logits
        for one, other in zip(logits[task], others[task], strict=True)
    )


def _text(report: Mapping[str, Any]) -> str:
    lines = [
        [
            name,
            *(f"{one['latency_ms'][key]:.2f}" for key in ("mean", "median", "p95", "p99")),
            f"{one['rows_per_second']:.1f}",
            f"{one['load_seconds']:.2f}",
            f"{one['peak_memory_mib']:.0f}",
            f"{one['size_mib']:.1f}",
            "-" if one["max_difference"] is None else f"{one['max_difference']:.1e}",
        ]
        for name, one in report["variants"].items()
    ]
    machine, sizes = report["hardware"], report["sub_words"]
    about = (
        f"{report['model']} ({report['files_mib']:.1f} MiB of files) on {machine['device']}, "
        f"{machine['threads']} threads, torch {machine['torch']}\n"
        f"{report['requests']} requests of one text, of {sizes['median']:g} sub-words (p95 {sizes['p95']:g}, most "
        f"{sizes['most']}), after {report['warm_up']} others; rows/s in batches of {report['batch_size']}\n"
        f"max difference: of logits, to {REFERENCE}; peak: of the process, libraries included (GPU: of its memory)"
    )
    return f"{TEXT.table(HEADINGS, lines)}\n\n{about}"


if __name__ == "__main__":
    run(main)

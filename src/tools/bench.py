"""Measures what a model costs to deploy: latency of single requests, rows per second, loading, memory, size.

    python -m src bench                               # models/current on the prepared validation split
    python -m src bench --file texts.txt --json       # a text per line; a tab separates the two texts of a pair
    python -m src bench --variants fp32 bf16

A variant is a form of the model: a precision, merged adapters, or ONNX. Each variant is measured in its own process,
after a warm-up. A request is the prediction of one text, tokenization included. Variants that the model does not have
are reported and left out. The conversion to ONNX is not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from src.analysis.tables import TEXT
from src.core.command import heavy_imports, run
from src.core.command_line import command_parser
from src.core.records import Example, read_examples
from src.core.user_errors import UserError
from src.corpora.typed_text import of_lines
from src.deploy.variants import CONVERTED, VARIANTS

if TYPE_CHECKING:
    from src.deploy.measurement import Measured

REFERENCE = "fp32"  # other variants are compared with this variant
HEADINGS = (
    "variant", "mean ms", "median ms", "p95 ms", "p99 ms", "rows/s", "load s", "peak MiB", "size MiB", "max difference",
)  # fmt: skip


def main() -> None:
    arguments = parser().parse_args()
    for option in ("requests", "warm_up", "batch_size"):
        if (value := getattr(arguments, option)) < 1:
            raise UserError(f"--{option.replace('_', '-')} is {value}; it must be 1 or more")

    examples = _examples(arguments.file, arguments.data)
    with heavy_imports():
        from src.deploy import measurement
        from src.models.checkpoint import load_checkpoint
    measurement.silence()
    load_checkpoint(arguments.model, trust_remote_code=arguments.trust_remote_code)  # fails if no variant can load it
    measured: dict[str, Measured] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(arguments.variants):
        try:
            with TemporaryDirectory() as converted:
                folder = arguments.model
                if name in CONVERTED:
                    measurement.in_own_process(
                        measurement.convert, name, folder, Path(converted), arguments.trust_remote_code
                    )
                    folder = Path(converted)
                measured[name] = measurement.in_own_process(measurement.measure, name, folder, examples, arguments)
        except UserError as error:
            left_out[name] = str(error)
            print(f"left out: {name}: {error}", file=sys.stderr)
    if not measured:
        raise UserError(f"{arguments.model} has none of these variants: {next(iter(left_out.values()))}")
    report = _report(measured, left_out, arguments)
    print(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False) if arguments.json else _text(report))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src bench", __doc__, "speed-and-deployment")
    options.add_argument("--model", type=Path, default=Path("models/current"), help="folder; default: models/current")
    options.add_argument("--data", type=Path, default=Path("data/prepared"), help="folder that prepare wrote")
    options.add_argument("--file", type=Path, help="a text per line, instead of the validation split of --data")
    options.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
                        help=f"some of: {', '.join(VARIANTS)}")  # fmt: skip
    options.add_argument("--requests", type=int, default=200, help="number of measured requests; default: 200")
    options.add_argument("--warm-up", type=int, default=20, help="number of requests before these; default: 20")
    options.add_argument("--batch-size", type=int, default=64, help="rows per forward pass for rows/s; default: 64")
    options.add_argument("--trust-remote-code", action="store_true", help="allow the model to run its own Python code")
    options.add_argument("--json", action="store_true", help="print JSON, with all digits")
    return options


def _examples(file: Path | None, data: Path) -> list[Example]:
    if file is None:
        return read_examples(data / "validation.jsonl")
    try:
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            rows = list(of_lines(lines))
    except OSError as error:
        raise UserError(f"--file {file}: {error.strerror}") from error
    for row in rows:
        if isinstance(row, UserError):
            raise UserError(f"--file {file}: {row}")
    if not rows:
        raise UserError(f"--file {file} has no text")
    return [row for row in rows if isinstance(row, Example)]


def _report(
    measured: Mapping[str, Measured], left_out: Mapping[str, str], arguments: argparse.Namespace
) -> dict[str, Any]:
    import torch

    from src.deploy import measurement
    from src.models import hardware

    first = next(iter(measured.values()))
    reference = measured.get(REFERENCE)
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
                "latency_ms": asdict(variant.latency),
                "rows_per_second": variant.rows_per_second,
                "load_seconds": variant.load_seconds,
                "peak_memory_mib": variant.peak_memory_mib,
                "size_mib": variant.size_mib,
                "max_difference": None if reference is None else measurement.farthest(variant.logits, reference.logits),
            }
            for name, variant in measured.items()
        },
        "left_out": dict(left_out),
    }


def _files_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _text(report: Mapping[str, Any]) -> str:
    lines = [
        [
            name,
            *(f"{variant['latency_ms'][key]:.2f}" for key in ("mean", "median", "p95", "p99")),
            f"{variant['rows_per_second']:.1f}",
            f"{variant['load_seconds']:.2f}",
            f"{variant['peak_memory_mib']:.0f}",
            f"{variant['size_mib']:.1f}",
            "-" if variant["max_difference"] is None else f"{variant['max_difference']:.1e}",
        ]
        for name, variant in report["variants"].items()
    ]
    machine, sizes = report["hardware"], report["sub_words"]
    about = (
        f"{report['model']} ({report['files_mib']:.1f} MiB of files) on {machine['device']}, "
        f"{machine['threads']} threads, torch {machine['torch']}\n"
        f"{report['requests']} requests of one text, median {sizes['median']:g} sub-words (p95 {sizes['p95']:g}, max "
        f"{sizes['most']}), after {report['warm_up']} warm-up requests; rows/s in batches of {report['batch_size']}\n"
        f"max difference: of logits from {REFERENCE}; peak: memory of the process with libraries (GPU: GPU memory)"
    )
    return f"{TEXT.table(HEADINGS, lines)}\n\n{about}"


if __name__ == "__main__":
    run(main)

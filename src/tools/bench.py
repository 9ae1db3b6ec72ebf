"""Measures what a model costs to deploy: latency of single requests, rows per second, loading, memory, size.

    python -m src bench                               # models/current, on texts of the prepared validation split
    python -m src bench --file texts.txt --json       # a text a line; a tab parts the two of a pair
    python -m src bench --variants fp32 bf16

Each variant (a form of the model: its precision, its adapters, ONNX) is measured in a process of its own, after a
warm-up. A request is one text, from its characters to its prediction. Those that the model does not have are left out,
and named; what converts it to ONNX is not measured.
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
from src.core.command import heavy_imports
from src.core.command_line import command_parser
from src.core.records import Example, read_examples
from src.core.user_errors import UserError
from src.corpora.typed_text import of_lines
from src.deploy.variants import CONVERTED, VARIANTS

if TYPE_CHECKING:
    from src.deploy.measurement import Measured

REFERENCE = "fp32"  # the variant that others are compared with
HEADINGS = (
    "variant", "mean ms", "median ms", "p95 ms", "p99 ms", "rows/s", "load s", "peak MiB", "size MiB", "max difference",
)  # fmt: skip


def main() -> None:
    arguments = parser().parse_args()
    for option in ("requests", "warm_up", "batch_size"):
        if (given := getattr(arguments, option)) < 1:
            raise UserError(f"--{option.replace('_', '-')} is {given}; it must be 1 or more")

    examples = _examples(arguments.file, arguments.data)
    with heavy_imports():
        from src.deploy import measurement
        from src.models.checkpoint import load_checkpoint
    measurement.silence()
    load_checkpoint(arguments.model, trust_remote_code=arguments.trust_remote_code)  # otherwise no variant can be
    found: dict[str, Measured] = {}
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
                found[name] = measurement.in_own_process(measurement.measure, name, folder, examples, arguments)
        except UserError as error:
            left_out[name] = str(error)
            print(f"left out: {name}: {error}", file=sys.stderr)
    if not found:
        raise UserError(f"{arguments.model} has none of these variants: {next(iter(left_out.values()))}")
    report = _report(found, left_out, arguments)
    print(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False) if arguments.json else _text(report))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src bench", __doc__, "speed-and-deployment")
    options.add_argument("--model", type=Path, default=Path("models/current"), help="folder; default: models/current")
    options.add_argument("--data", type=Path, default=Path("data/prepared"), help="folder that prepare wrote")
    options.add_argument("--file", type=Path, help="a text a line, in place of the validation split of --data")
    options.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
                        help=f"some of: {', '.join(VARIANTS)}")  # fmt: skip
    options.add_argument("--requests", type=int, default=200, help="single requests; default: 200")
    options.add_argument("--warm-up", type=int, default=20, help="requests before these; default: 20")
    options.add_argument("--batch-size", type=int, default=64, help="rows per forward pass, of rows/s; default: 64")
    options.add_argument("--trust-remote-code", action="store_true", help="let the model run code of its own")
    options.add_argument("--json", action="store_true", help="print JSON, with all digits")
    return options


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


def _report(
    found: Mapping[str, Measured], left_out: Mapping[str, str], arguments: argparse.Namespace
) -> dict[str, Any]:
    import torch

    from src.deploy import measurement
    from src.models import hardware

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
                "max_difference": None if reference is None else measurement.farthest(one.logits, reference.logits),
            }
            for name, one in found.items()
        },
        "left_out": dict(left_out),
    }


def _files_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


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

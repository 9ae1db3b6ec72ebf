"""Measures how far fine-tuned encoders are from their base, per layer: 1 - linear CKA and cosine, over seeds.

    python -m src drift --base base.safetensors full=full.safetensors lora=lora.safetensors
    python -m src drift --base base.safetensors full='full-*.safetensors' lora='lora-*.safetensors'
    python -m src drift --base 'base-*.safetensors' full='full-*.safetensors'    # each seed has its own base
    python -m src drift ... --figures figures                       # PDF and PNG; --md, --latex, --csv, --json

`python -m src represent` and train.represent write the files. The part that * matches is the seed. A paired t-test over
the seeds compares systems with the same seeds. Tables are printed to standard output, warnings to standard error.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from src.core.command import run
from src.core.command_line import command_parser, warn
from src.core.user_errors import UserError
from src.representations import drift_table, layer_drift
from src.representations.layer_drift import Drift
from src.representations.states_file import Representations, read
from src.runs import systems


def main() -> None:
    arguments = parser().parse_args()

    patterns = systems.patterns(arguments.systems, ".safetensors")
    bases = {seed: (path, read(path)) for seed, path in systems.files(arguments.base).items()}
    unknown: list[Path] = []
    drifts = {name: _runs(name, systems.files(pattern), bases, unknown) for name, pattern in patterns.items()}
    layers = {len(drift.cosine) for runs in drifts.values() for drift in runs.values()}
    if len(layers) > 1:
        raise UserError(f"the bases have different numbers of layers: {', '.join(map(str, sorted(layers)))}")
    tests, warnings = layer_drift.tests(drifts)
    means = layer_drift.means(drifts)
    if arguments.figures:  # first: if this fails, nothing is printed
        from src.analysis.report import figures  # loads matplotlib
        from src.representations.drift_figure import drift_figure

        with figures.style():
            figures.write(arguments.figures, {"drift": drift_figure(means)})
    warn([*_unchecked(unknown), *_few(base for _, base in bases.values()), *warnings])
    print(drift_table.FORMATS[arguments.form](means, tests))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src drift", __doc__, "predictions-to-paper")
    options.add_argument("systems", nargs="+", metavar="NAME=GLOB", help="files of representations; each file is a run")
    options.add_argument("--base", required=True, metavar="GLOB", help="one base for all runs, or one for each seed")
    options.add_argument("--figures", type=Path, metavar="DIR", help="folder to write drift.pdf and drift.png to")
    form = options.add_mutually_exclusive_group()
    for name in drift_table.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print the table as {name}")
    options.set_defaults(form="text")
    return options


def _runs(
    name: str, files: Mapping[str, Path], bases: Mapping[str, tuple[Path, Representations]], unknown: list[Path]
) -> dict[str, Drift]:
    """Measures the runs of one system.

    Args:
        unknown: files that do not say from which weights training started are added to it.

    Raises:
        UserError: a seed has no base, or files differ in examples, layers, input settings or steps.
    """
    drifts = {}
    steps = set()
    for seed, path in files.items():
        if len(bases) > 1 and seed not in bases:
            raise UserError(f"{path} has seed '{seed}', but --base only has the seeds {', '.join(bases)}")
        base_path, base = bases[seed] if len(bases) > 1 else next(iter(bases.values()))
        model = read(path)
        layer_drift.check(base, model, (str(base_path), str(path)))
        unknown += [path for path, about in ((base_path, base.about), (path, model.about)) if about.start is None]
        steps.add(model.about.step)
        drifts[seed] = layer_drift.drift(base, model, str(path))
    if len(steps) > 1:
        named = ["the end" if step is None else str(step) for step in sorted(steps, key=lambda s: (s is None, s))]
        raise UserError(
            f"the files of {name} are of different steps ({', '.join(named)}), not of different seeds; "
            "name each step as a system of its own"
        )
    return drifts


def _unchecked(unknown: Sequence[Path]) -> list[str]:
    if not unknown:
        return []
    return [
        f"{', '.join(map(str, dict.fromkeys(unknown)))}: the start of training is unknown; make sure that training "
        "started from --base"
    ]


def _few(bases: Iterable[Representations]) -> Sequence[str]:
    shapes = sorted({base.states.shape[::2] for base in bases})
    return [
        f"{samples} examples of width {width}: with fewer examples than width, CKA is biased towards 1; only compare "
        "drifts over equal numbers of examples"
        for samples, width in shapes
        if samples < width
    ]


if __name__ == "__main__":
    run(main)

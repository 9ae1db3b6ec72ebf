"""Compares fine-tuned encoders with their base, layer by layer: 1 - linear CKA and cosine, over seeds.

    python -m src.tools.drift --base base.safetensors full=full.safetensors lora=lora.safetensors
    python -m src.tools.drift --base base.safetensors full='full-*.safetensors' lora='lora-*.safetensors'
    python -m src.tools.drift --base 'base-*.safetensors' full='full-*.safetensors'    # each seed has a base of its own
    python -m src.tools.drift ... --figures figures                       # PDF and PNG; --md, --latex, --csv, --json

The files are those of src.tools.represent, or of train.represent. What * stands for is the seed; systems that share
seeds are tested, by the paired t-test over them. The tables go to standard output, what is amiss to standard error.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from src import systems
from src.analysis import drift, drift_table
from src.analysis.drift import Drift
from src.errors import UserError, run
from src.representations import Representations, read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("systems", nargs="+", metavar="NAME=GLOB", help="files of representations; each is a run")
    parser.add_argument("--base", required=True, metavar="GLOB", help="that of all runs, or one for each seed")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder to write drift.pdf and drift.png to")
    form = parser.add_mutually_exclusive_group()
    for name in drift_table.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print {name}")
    parser.set_defaults(form="text")
    arguments = parser.parse_args()

    patterns = systems.patterns(arguments.systems)
    bases = {seed: (path, read(path)) for seed, path in systems.files(arguments.base).items()}
    drifts = {name: _runs(name, systems.files(pattern), bases) for name, pattern in patterns.items()}
    layers = {len(found.cosine) for runs in drifts.values() for found in runs.values()}
    if len(layers) > 1:
        raise UserError(f"the bases have different numbers of layers: {', '.join(map(str, sorted(layers)))}")
    tests, warnings = drift.tests(drifts)
    for warning in [*_few(bases), *warnings]:
        print(f"WARNING: {warning}", file=sys.stderr)
    means = drift.means(drifts)
    print(drift_table.FORMATS[arguments.form](means, tests))
    if arguments.figures:
        from src.analysis.report import figures  # loads matplotlib

        with figures.style():
            figures.write(arguments.figures, {"drift": figures.drift(means)})


def _runs(name: str, files: Mapping[str, Path], bases: Mapping[str, tuple[Path, Representations]]) -> dict[str, Drift]:
    """Measures the runs of one system.

    Raises:
        UserError: a seed without a base, files of other examples, layers or reading, or of different steps.
    """
    found = {}
    steps = set()
    for seed, path in files.items():
        if len(bases) > 1 and seed not in bases:
            raise UserError(f"{path} is of seed '{seed}', for which --base has no file; there are: {', '.join(bases)}")
        base_path, base = bases[seed] if len(bases) > 1 else next(iter(bases.values()))
        model = read(path)
        drift.check(base, model, (str(base_path), str(path)))
        steps.add(model.about.step)
        found[seed] = drift.drift(base, model, str(path))
    if len(steps) > 1:
        raise UserError(
            f"the files of {name} are of different steps ({', '.join(map(str, steps))}), and no seeds to take means "
            "of; make each step a system"
        )
    return found


def _few(bases: Mapping[str, tuple[Path, Representations]]) -> Sequence[str]:
    _, base = next(iter(bases.values()))
    samples, _, width = base.states.shape
    if samples >= width:
        return []
    return [
        f"{samples} examples of width {width}: of fewer examples than width, CKA leans towards 1; compare drifts of "
        "equal numbers of examples alone"
    ]


if __name__ == "__main__":
    run(main)

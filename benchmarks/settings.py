"""What each setting of the process saves of a whole run: the same commands with the setting on and off, in turns.

    python -m benchmarks.settings gc
    python -m benchmarks.settings omp
    python -m benchmarks.settings dropout --model ../e5    # a folder with a pretrained encoder

The commands are those of dvc.yaml, without DVC, on the sample corpus. CPU seconds are user + system, of all threads.
Each figure is a median over the rounds. A ratio is the median of off / on within each round: 1.06 means that a run
without the setting takes 6 % more. Other processes change the wall seconds more than the CPU seconds.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from statistics import median

from benchmarks import common
from src.core.files import read_yaml, write_yaml

OFF = {  # what a process does first, so that the setting has no effect in it
    "gc": "import gc; gc.disable = gc.freeze = lambda: None",  # measured in all stages; the others in training
    "omp": (
        "import os; usual = os.environ.setdefault; "
        "os.environ.setdefault = lambda name, value: None if name == 'OMP_WAIT_POLICY' else usual(name, value)"
    ),
    "dropout": (
        "from contextlib import nullcontext; from src.core.command import heavy_imports\n"
        "with heavy_imports(): from src.training import dropout\n"  # torch must see the other settings
        "dropout.quick = lambda model: nullcontext()"
    ),
}
STAGE = (  # as `python -m MODULE ARGUMENTS`
    "import runpy, sys; module = sys.argv[1]; sys.argv = ['-m', *sys.argv[2:]]\n"
    "{off}\n"
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
STEPS = "{off}\nfrom benchmarks.settings import train_steps; train_steps()"
BATCH_SIZE = 16

Cost = tuple[float, float]  # seconds, CPU seconds
Run = Callable[[str], Cost]  # takes what the process does first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("settings", nargs="+", choices=OFF, metavar="setting", help=", ".join(OFF))
    parser.add_argument(
        "--rounds", type=int, default=5, help="each round is a run with all on, and one per setting off"
    )
    parser.add_argument("--model", help="of params.yaml, for one epoch; default: tiny, for all its epochs")
    parser.add_argument("--threads", type=int, help="of params.yaml; fewer than cores where other processes run")
    arguments = parser.parse_args()
    print(common.load())
    print(
        "| setting | run | CPU s on | CPU s off | ratio | wall s on | wall s off | ratio |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    programs = {"": "", **{name: OFF[name] for name in arguments.settings}}  # "": all settings are on
    with tempfile.TemporaryDirectory() as folder:
        for what, run in _runs(arguments, Path(folder)).items():
            costs: dict[str, list[Cost]] = {name: [] for name in programs}
            for _ in range(arguments.rounds):
                for name, off in programs.items():
                    costs[name].append(run(off))
                    wall, busy = costs[name][-1]
                    print(f"{what}, off: {name or 'none'}: CPU {busy:.1f} s, wall {wall:.1f} s", file=sys.stderr)
            for name in arguments.settings:
                cells = [name, what, *_cells(costs[""], costs[name], 1), *_cells(costs[""], costs[name], 0)]
                print(f"| {' | '.join(cells)} |", flush=True)
    print(common.load())


def train_steps() -> None:
    """Trains an encoder of BERT-base's size with random weights for ten steps."""
    from src.models.batches import encode
    from src.training.fit import fit

    rows = common.sentences()[: 10 * BATCH_SIZE]
    params = common.params(epochs=1, batch_size=BATCH_SIZE, max_length=128)
    checkpoint = common.base_sized(rows, params)
    fit(checkpoint, encode(checkpoint, rows), encode(checkpoint, rows[:2]), params, learning_rate=2e-5, seed=0)


def _runs(arguments: argparse.Namespace, folder: Path) -> dict[str, Run]:
    """The runs that the settings are measured in; what comes before them is done."""
    params = read_yaml(common.ROOT / "params.yaml")
    params["train"]["threads"] = arguments.threads
    if arguments.model:
        params["model"] = str(Path(arguments.model).resolve())
        params["train"]["epochs"] = 1
    write_yaml(folder / "params.yaml", params)
    shutil.copy(common.ROOT / "tuned.yaml", folder)
    shutil.copytree(common.SAMPLE.parent, folder / "data" / "raw" / "sample")
    stages = {name: [STAGE, *command[2:]] for name, command in common.stage_commands(common.ROOT).items()}

    def measured(programs: Collection[list[str]]) -> Run:
        return lambda off: _measure(programs, off, folder)

    if "gc" in arguments.settings:
        return {"the four stages": measured(stages.values())}
    measured([stages["prepare"], stages["hpo"]])("")
    encoder = "a pretrained encoder, 1 epoch" if arguments.model else "tiny"
    runs = {f"train stage, {encoder}": measured([stages["train"]])}
    if not arguments.model:
        runs["ten steps of BERT-base's size"] = measured([[STEPS]])
    return runs


def _measure(programs: Collection[list[str]], off: str, folder: Path) -> Cost:
    seconds, busy = 0.0, 0.0
    for program, *arguments in programs:
        command = [sys.executable, "-c", program.format(off=off), *arguments]
        cost = common.measure(command, folder, DVC_ROOT=str(folder), PYTHONPATH=str(common.ROOT))
        seconds, busy = seconds + cost[0], busy + cost[1]
    return seconds, busy


def _cells(with_it: list[Cost], without: list[Cost], kind: int) -> list[str]:
    """Medians with the setting on and off, and their ratio; kind 0: seconds, 1: CPU seconds."""
    on, off = ([cost[kind] for cost in costs] for costs in (with_it, without))
    ratio = median(seconds_off / seconds_on for seconds_off, seconds_on in zip(off, on, strict=True))
    return [f"{median(on):.1f}", f"{median(off):.1f}", f"{ratio:.2f}"]


if __name__ == "__main__":
    main()

"""What each setting of the process saves of a whole run: the same commands with the setting on and off, in turns.

    python -m benchmarks.settings gc
    python -m benchmarks.settings malloc
    python -m benchmarks.settings omp
    python -m benchmarks.settings dropout --model ../e5    # a folder with a pretrained encoder

The commands are those of dvc.yaml, without DVC, on the sample corpus. CPU seconds are user + system, of all threads.
Each figure is a median over the pairs. A ratio is the median of off / on within each pair: 1.06 means that a run
without the setting takes 6 % more. Other processes change the wall seconds more than the CPU seconds.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from benchmarks import common
from src.core.files import read_yaml, write_yaml

OFF = {  # what a process does first, so that the setting has no effect in it
    "gc": "import gc; gc.disable = gc.freeze = lambda: None",
    "malloc": "import ctypes; ctypes.CDLL = type('CDLL', (ctypes.CDLL,), {'mallopt': None})",
    "omp": (
        "import os; usual = os.environ.setdefault; "
        "os.environ.setdefault = lambda name, value: None if name == 'OMP_WAIT_POLICY' else usual(name, value)"
    ),
    "dropout": (
        "from contextlib import nullcontext; from src.training import dropout; "
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
Run = Callable[[str], Cost]  # of what the process does first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("setting", choices=OFF)
    parser.add_argument("--pairs", type=int, default=5, help="runs with the setting on, and as many with it off")
    parser.add_argument("--model", help="of params.yaml, for one epoch; default: tiny, for all its epochs")
    arguments = parser.parse_args()
    print(common.load())
    print(
        "| setting | run | CPU s on | CPU s off | ratio | wall s on | wall s off | ratio |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        for what, run in _runs(arguments.setting, arguments.model, Path(name)).items():
            run("")  # warm-up
            pairs = [(run(""), run(OFF[arguments.setting])) for _ in range(arguments.pairs)]
            cells = [arguments.setting, what, *_cells(pairs, 1), *_cells(pairs, 0)]
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


def _runs(setting: str, model: str | None, folder: Path) -> dict[str, Run]:
    """The runs that a setting is measured in; what comes before them is done."""
    params = read_yaml(common.ROOT / "params.yaml")
    if model:
        params["model"] = str(Path(model).resolve())
        params["train"]["epochs"] = 1
    write_yaml(folder / "params.yaml", params)
    shutil.copy(common.ROOT / "tuned.yaml", folder)
    shutil.copytree(common.SAMPLE.parent, folder / "data" / "raw" / "sample")
    stages = {name: [STAGE, *command[2:]] for name, command in common.stage_commands(common.ROOT).items()}

    def measured(programs: Iterable[list[str]]) -> Run:
        return lambda off: _measure(programs, off, folder)

    if setting == "gc":
        return {"the four stages": measured(stages.values())}
    measured([stages["prepare"], stages["hpo"]])("")
    encoder = "a pretrained encoder, 1 epoch" if model else "tiny"
    runs = {f"train stage, {encoder}": measured([stages["train"]])}
    if setting in ("malloc", "omp"):
        runs["ten steps of BERT-base's size"] = measured([[STEPS]])
    return runs


def _measure(programs: Iterable[list[str]], off: str, folder: Path) -> Cost:
    seconds, busy = 0.0, 0.0
    for program, *arguments in programs:
        command = [sys.executable, "-c", program.format(off=off), *arguments]
        cost = common.measure(command, folder, DVC_ROOT=str(folder), PYTHONPATH=str(common.ROOT))
        seconds, busy = seconds + cost[0], busy + cost[1]
    return seconds, busy


def _cells(pairs: list[tuple[Cost, Cost]], kind: int) -> list[str]:
    """Medians with the setting on and off, and their ratio; kind 0: seconds, 1: CPU seconds."""
    with_it, without = ([pair[i][kind] for pair in pairs] for i in (0, 1))
    ratio = median(off / on for on, off in zip(with_it, without, strict=True))
    return [f"{median(with_it):.1f}", f"{median(without):.1f}", f"{ratio:.2f}"]


if __name__ == "__main__":
    main()

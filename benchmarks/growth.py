"""How time and memory grow with the rows: each stage on 1, 4 and 16 times the shipped sample, a process each.

    python -m benchmarks.growth
    python -m benchmarks.growth --stages prepare --times 1 4 16 256

Training is of `tiny` for one epoch; all else is as params.yaml says.
"""

import argparse
import csv
import random
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import common
from src.core import best_file
from src.core.files import read_yaml, write_yaml

ALPHABET = range(0x5D0, 0x5EB)  # Hebrew, final forms included
STAGES = {
    "prepare": "--corpus corpus --out data --statistics data.json",
    "train": "--data data --best best.yaml --model model --environment environment.json --live live "
    "--health health.json",
    "evaluate": "--data data --model model --metrics evaluate.json --predictions predictions --plots plots",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--times", nargs="+", type=int, default=[1, 4, 16], help="the rows of the sample")
    arguments = parser.parse_args()
    needed = list(STAGES)[
        : 1 + max(list(STAGES).index(stage) for stage in arguments.stages)
    ]  # each reads the one before
    print("| stage | rows | seconds | of one core | MiB | load |\n|---|---|---|---|---|---|")
    for times in arguments.times:
        with tempfile.TemporaryDirectory() as folder:
            rows = _corpus(Path(folder), times)
            for stage in needed:
                options = f"{STAGES[stage]} --params params.yaml".split()
                command = [sys.executable, "-m", f"src.stages.{stage}", *options]
                took, busy, mib = common.measure(command, Path(folder), PYTHONPATH=str(common.ROOT), DVC_ROOT=folder)
                if stage in arguments.stages:
                    print(f"| {stage} | {rows} | {took:.1f} | {busy:.1f} | {mib:.0f} | {common.load()} |", flush=True)


def _corpus(folder: Path, times: int) -> int:
    """Repeats the sample; each copy has an alphabet of its own, so that no two are near-duplicates."""
    shutil.copytree(common.SAMPLE.parent, folder / "corpus")
    with common.SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "corpus" / common.SAMPLE.name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for copy in range(times):
            moved = dict(zip(ALPHABET, random.Random(copy).sample(ALPHABET, len(ALPHABET)), strict=True))
            for row in rows:
                cells = {name: cell.translate(moved) for name, cell in row.items()}
                writer.writerow({**cells, "id": f"{row['id']}-{copy}"})
    params = read_yaml(common.ROOT / "params.yaml")
    params["train"]["epochs"] = 1
    write_yaml(folder / "params.yaml", params)
    best_file.write(folder / "best.yaml", "fixed", {})
    return len(rows) * times


if __name__ == "__main__":
    main()

"""How many sentences a second are searched for canonical idioms, beside a search for the idioms as they are cited.

    python -m benchmarks.lexicon --data data/prepared

`data` is what prepare wrote of a corpus with canonical idioms; on one core, all splits.
"""

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import common
from src.core.files import read_json
from src.core.records import read_examples
from src.text.lexicon import Lexicon

SPLITS = ("train", "validation", "test", "unseen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--rounds", type=int, default=3, help="each way once per round")
    arguments = parser.parse_args()
    idioms = read_json(arguments.data / "idioms.json")
    rows = [row for split in SPLITS for row in read_examples(arguments.data / f"{split}.jsonl") if row.tokens]
    cited = re.compile("|".join(map(re.escape, idioms)))
    ways = {
        "as cited": lambda: [cited.findall(" ".join(row.tokens or [])) for row in rows],
        "in any form": lambda: list(map(Lexicon(idioms).find, (row.tokens or [] for row in rows))),
    }
    found = [{way: _timed(search) for way, search in ways.items()} for _ in range(arguments.rounds)]
    print(f"| {len(idioms)} idioms | sentences found in | sentences/s, every round |\n|---|---|---|")
    for way in ways:
        every = " ".join(f"{len(rows) / costs[way][0]:.0f}" for costs in found)
        print(f"| {way} | {found[0][way][1]} of {len(rows)} | {every} |")
    print(common.load())


def _timed(search: Callable[[], list[list[Any]]]) -> tuple[float, int]:
    """Returns seconds, and in how many sentences anything was found."""
    start = time.process_time()
    found = search()
    return time.process_time() - start, sum(map(bool, found))


if __name__ == "__main__":
    main()

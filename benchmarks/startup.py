"""A training of `tiny` for one epoch, from the start of its process to its exit, beside that of another revision.

    python -m benchmarks.startup --against 1b4b88b

Stages run as the dvc.yaml of their revision says, in turns; what is not committed is not measured.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import common
from src.core.files import read_yaml, write_yaml

Tree = tuple[Path, list[str]]  # a revision's files, and its command for the train stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--against", required=True, help="a revision of Git that has the stages prepare, hpo and train")
    parser.add_argument("--rounds", type=int, default=5, help="each revision once per round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        revisions = {"theirs": arguments.against, "ours": "HEAD"}
        trees = {whose: _prepared(revision, Path(folder) / whose) for whose, revision in revisions.items()}
        for tree in trees.values():
            _train(tree)  # warm-up: compiled files of Python, the disk's cache
        found = [{whose: _train(tree) for whose, tree in trees.items()} for _ in range(arguments.rounds)]
    print("| revision | seconds, every round | median | of one core | ratio |\n|---|---|---|---|---|")
    for whose, revision in revisions.items():
        seconds = [costs[whose][0] for costs in found]
        busy = median(costs[whose][1] for costs in found)
        ratio = median(costs["theirs"][0] / costs[whose][0] for costs in found)
        every = " ".join(f"{one:.2f}" for one in seconds)
        print(f"| {revision} | {every} | {median(seconds):.2f} | {busy:.2f} | {ratio:.2f} |")
    print(common.load())


def _prepared(revision: str, folder: Path) -> Tree:
    """Unpacks a revision and runs what comes before its training, of the default but for one epoch."""
    folder.mkdir()
    archive = folder / "archive.tar"
    subprocess.run(["git", "archive", revision, "--output", archive], cwd=common.ROOT, check=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    params = read_yaml(folder / "params.yaml")
    params["train"]["epochs"] = 1
    write_yaml(folder / "params.yaml", params)
    commands = {name: [sys.executable, *command[1:]] for name, command in common.stage_commands(folder).items()}
    for name in ("prepare", "hpo"):
        common.measure(commands[name], folder)
    return folder, commands["train"]


def _train(tree: Tree) -> tuple[float, float, float]:
    folder, command = tree
    return common.measure(command, folder, DVC_ROOT=str(folder))


if __name__ == "__main__":
    main()

"""The README and the pages of docs/: their commands, what they show as output, and which commands no test runs."""

import re
from pathlib import Path
from typing import NamedTuple

from tests.project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Commands that no test runs: a pattern, and the reason.
EXCEPTIONS = {
    r"^git clone <": "the repository has no address here",
    r"^make (repro|test) ": "it installs packages; continuous integration runs it in a fresh clone",
    r"^make repro$": "it installs packages; continuous integration runs it in a fresh clone",
    r"^make drive ": "it needs Google; tests/drive runs it against a local imitation",
    r"^dvc import ": "it needs a network",
    r"hebrew_idioms": "it needs data from the network",
    r"model=(dictabert|alephbert)": "it downloads encoders",
    r"^pip install ": "it needs a network",
    r"^(optuna-dashboard|tensorboard) ": "it is a server of another package, which does not end",
    r"^hf upload ": "it needs a network and an account",
    r"^pytest ": "it is a part of the other tests",
    r"deployed": "a model of the size of BERT-base takes minutes; tests/tools/test_bench.py measures a small model",
    r"^dvc gc ": "it asks a person before it deletes",
}

# Commands that may end with another status than 0: reduced parameters train too little, or the page shows an error.
STATUSES = {
    r"^python -m src check": (0, 1),
    r"fail_on=red_flag": (0, 255),
    r"corpus=mrpc": (255,),
}

# Outputs on a page that the reduced parameters do not reproduce: the page and a word of the output, and the reason.
OUTPUTS_OF_FULL_RUNS = {
    ("is-a-run-sound.md", "check"): "the numbers of weights, rows and figures and the states depend on the run",
    ("predictions-to-paper.md", "layer       10"): "a reduced run has fewer than 80 steps",
    ("experiments-and-grids.md", "experiment  device"): "the device and the names of the experiments differ",
}


BLOCK = (
    r"^```bash\n((?:.*\n)*?)```\n"  # the commands
    r"(?:\n(?:[^`#|\n].*:\n\n)?(?:```text\n((?:.*\n)*?)```|((?:\|.*\n)+)))?"  # a sentence, and the output
)


class Command(NamedTuple):
    """A command of a page, and the output that the page shows below its block ("" if there is no output).

    The output is a `text` block or a table. It stands directly below, or below a sentence that ends with a colon.
    """

    page: str
    line: int
    text: str
    shown: str

    @property
    def exception(self) -> str | None:
        """The pattern of EXCEPTIONS that this command matches."""
        return next((pattern for pattern in EXCEPTIONS if re.search(pattern, self.text)), None)


def commands(page: Path) -> list[Command]:
    """Returns the commands of a page in their order; a loop is one command."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in re.finditer(BLOCK, text, re.MULTILINE):
        line = text[: block.start(1)].count("\n") + 1
        block_commands = re.findall(r"^for (?:.*\n)*?done$|^.+$", block[1], re.MULTILINE)
        for i, command in enumerate(block_commands):
            last = i == len(block_commands) - 1
            found.append(Command(page.name, line, command, (block[2] or block[3] or "") if last else ""))
            line += command.count("\n") + 1
    return found


ALL = [command for page in PAGES for command in commands(page)]


def pattern(shown: str) -> str:
    """Returns a regular expression for the output that a page shows: any numbers, any width; `...` is anything.

    >>> bool(re.search(pattern("a  0.5\\n...\\nb  7\\n"), "a 0.25\\nx\\nb   8\\n"))
    True
    """
    lines = []
    for line in shown.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
        elif re.fullmatch(r"[|:\- ]+", line):  # below the heading of a table
            lines.append(r"[|:\- ]+\n")
        else:
            lines.append(r"[ ]*" + r"[ ]+".join(map(_word, line.split())) + r"[ ]*\n")
    return "^" + "".join(lines)


def _word(word: str) -> str:
    parts = re.split(r"(\.\.\.|[-+]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)", word)
    return "".join(".*" if part == "..." else r"[-+]?[\d.,]+(?:e-?\d+)?" if i % 2 else re.escape(part)
                   for i, part in enumerate(parts))  # fmt: skip

"""Which row goes to train, validation, test or unseen: by the corpus's own column, or afresh.

All draws depend on the seed and on ids alone, never on the order of rows in a file.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from src.config import PrepareParams
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from src.errors import unknown_name
from src.records import SPLITS


def assign(rows: Sequence[Row], corpus: Corpus, params: PrepareParams) -> list[Row]:
    """Gives every row its split.

    Raises:
        UserError: a row whose own split is unknown, or a held-out group that the corpus does not have.
    """
    if params.split == "fresh":
        rows = _fresh(rows, held_out(corpus, params), params)
    for row in rows:
        if row.example.split not in SPLITS:
            raise row.refuse(
                "split", f"unknown split; legal: {', '.join(SPLITS)}, or named in corpus.yaml under splits"
            )
    return list(rows)


def held_out(corpus: Corpus, params: PrepareParams) -> list[str]:
    """The groups that are held out whole: those of the parameters, else those of the corpus."""
    return corpus.unseen_groups if params.unseen_groups is None else params.unseen_groups


def _fresh(rows: Sequence[Row], unseen: Sequence[str], params: PrepareParams) -> list[Row]:
    groups = sorted({row.example.group for row in rows if row.example.group is not None})
    for group in unseen:
        if group not in groups:
            raise unknown_name("unseen group", group, groups)
    shares = {
        "train": 1 - params.validation_fraction - params.test_fraction,
        "validation": params.validation_fraction,
        "test": params.test_fraction,
    }
    split_of = {row.example.id: "unseen" for row in rows if row.example.group in unseen}
    seen = [row for row in rows if row.example.id not in split_of]
    for stratum in _shuffled_strata(seen, lambda row: (row.example.group, row.example.label), params.split_seed):
        sizes = largest_remainder(len(stratum), list(shares.values()))
        names = [name for name, size in zip(shares, sizes, strict=True) for _ in range(size)]
        split_of |= {row.example.id: name for row, name in zip(stratum, names, strict=True)}
    return [replace(row, example=replace(row.example, split=split_of[row.example.id])) for row in rows]


def subset(rows: Sequence[Row], size: int | None, seed: int) -> list[Row]:
    """Draws `size` rows, spread over splits and labels as they are in all rows; None: all of them."""
    if size is None:
        return list(rows)
    strata = _shuffled_strata(rows, lambda row: (row.example.split, row.example.label), seed)
    sizes = largest_remainder(min(size, len(rows)), [len(stratum) / len(rows) for stratum in strata])
    kept = {row.example.id for stratum, n in zip(strata, sizes, strict=True) for row in stratum[:n]}
    return [row for row in rows if row.example.id in kept]


def _shuffled_strata(rows: Sequence[Row], key, seed: int) -> list[list[Row]]:  # type: ignore[no-untyped-def]
    strata: dict[Hashable, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.example.id):
        strata[key(row)].append(row)
    for name, stratum in strata.items():
        random.Random(f"{seed}/{name}").shuffle(stratum)  # its own draw: another stratum's size changes nothing here
    return [strata[name] for name in sorted(strata, key=str)]


def largest_remainder(total: int, shares: Sequence[float]) -> list[int]:
    """Divides a whole number in proportion to shares that sum to one (Hamilton's method).

    >>> largest_remainder(40, [0.8, 0.1, 0.1]), largest_remainder(4, [0.8, 0.1, 0.1])
    ([32, 4, 4], [3, 1, 0])
    """
    exact = [round(total * share, 9) for share in shares]  # rounded: 0.1 + 0.2 is not 0.3
    sizes = Counter({i: math.floor(value) for i, value in enumerate(exact)})
    by_remainder = sorted(range(len(shares)), key=lambda i: (sizes[i] - exact[i], i))
    sizes.update(by_remainder[: total - sum(sizes.values())])
    return [sizes[i] for i in range(len(shares))]

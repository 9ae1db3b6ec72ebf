"""Assigns rows to train, validation, test or unseen: by the split of the corpus, by a fresh split, or by folds.

All draws depend only on the seed and the ids, never on the order of rows in a file.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence

from src.core.config import PrepareParams
from src.core.records import SPLITS
from src.core.user_errors import unknown_name
from src.corpora import folds
from src.corpora.corpus_file import Corpus
from src.corpora.duplicates import units
from src.corpora.rows import Entry


def inseparable(corpus: Corpus, params: PrepareParams) -> str | None:
    """Returns the field whose equal values stay in one split; a grouped fold holds out groups and ties no rows."""
    return "group" if params.group_by is not None and params.folds is None else corpus.inseparable


def held_out(rows: Sequence[Entry], corpus: Corpus, params: PrepareParams) -> list[str]:
    """Returns the groups that are held out whole: of the grouped fold, of the parameters, or else of the corpus.

    Raises:
        UserError: the folds cannot be drawn.
    """
    if params.group_by is not None and params.folds is not None:
        return folds.tested_groups(rows, params)
    return corpus.unseen_groups if params.unseen_groups is None else params.unseen_groups


def assign(
    rows: Sequence[Entry], unseen: Sequence[str], params: PrepareParams, inseparable: str | None = None
) -> list[Entry]:
    """Assigns every row to a split: a fresh split, which holds out the groups `unseen`, or the split of the corpus.

    If the corpus has no validation or test split, it is drawn from train. If the corpus has no split, all are fresh.

    Args:
        inseparable: the field whose equal values stay in one split; copies of a text always do.

    Raises:
        UserError: a row has an unknown split, no row has a held-out group, or the folds cannot be drawn.
    """
    splits = {row.split for row in rows}
    if params.split == "fresh" or splits == {""}:
        rows = _fresh(rows, unseen, params, inseparable)
    else:
        rows = _completed(rows, [name for name in ("validation", "test") if name not in splits], params, inseparable)
    for row in rows:
        if row.split not in SPLITS:
            raise row.refuse(
                "split", f"unknown split; legal: {', '.join(SPLITS)}, and the keys of splits in corpus.yaml"
            )
    return list(rows)


def _fresh(rows: Sequence[Entry], unseen: Sequence[str], params: PrepareParams, inseparable: str | None) -> list[Entry]:
    groups = sorted({row.group for row in rows if row.group is not None})
    for group in unseen:
        if group not in groups:
            raise unknown_name("unseen group", group, groups)
    drawn = ["validation", "test"]
    split_of = {row.id: "unseen" for row in rows if row.group in unseen}
    seen = [row for row in rows if row.id not in split_of]
    if params.folds is not None and params.group_by is None:
        split_of |= dict.fromkeys(folds.tested_rows(units(seen, inseparable), params), "test")
        seen = [row for row in seen if row.id not in split_of]
        drawn.remove("test")
    shares = {"train": 1 - params.validation_fraction - params.tested_fraction, **_fractions(drawn, params)}
    return _placed(rows, split_of | _draw(seen, shares, params, inseparable))


def _completed(
    rows: Sequence[Entry], missing: Sequence[str], params: PrepareParams, inseparable: str | None
) -> list[Entry]:
    train = [row for row in rows if row.split == "train"]
    fractions = _fractions(missing, params)
    shares = {"train": 1 - sum(fractions.values()), **fractions}
    return _placed(rows, _draw(train, shares, params, inseparable)) if missing else list(rows)


def _placed(rows: Sequence[Entry], split_of: Mapping[str, str]) -> list[Entry]:
    return [row.placed(split_of.get(row.id, row.split)) for row in rows]


def _fractions(drawn: Sequence[str], params: PrepareParams) -> dict[str, float]:
    fractions = {"validation": params.validation_fraction, "test": params.tested_fraction}
    return {name: fractions[name] for name in drawn}


def _draw(
    rows: Sequence[Entry], shares: Mapping[str, float], params: PrepareParams, inseparable: str | None
) -> dict[str, str]:
    """Divides rows in these shares: single rows per group and label, and other rows by whole units."""
    all_units = units(rows, inseparable)
    single = [unit for unit in all_units if len(unit) == 1 and inseparable is None]
    tied = [unit for unit in all_units if len(unit) > 1 or inseparable is not None]
    return _by_stratum(single, shares, params.split_seed) | _by_unit(tied, shares, params.split_seed)


def _by_stratum(single: Sequence[list[Entry]], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Divides the rows of each group and label by largest remainder. Returns {id: split}."""
    split_of: dict[str, str] = {}
    for stratum in _shuffled_strata(single, lambda row: (row.group, row.kind), seed):
        sizes = largest_remainder(len(stratum), list(shares.values()))
        names = [name for name, size in zip(shares, sizes, strict=True) for _ in range(size)]
        split_of |= {row.id: name for (row,), name in zip(stratum, names, strict=True)}
    return split_of


def _by_unit(tied: Sequence[list[Entry]], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Puts each unit into the split that brings the rows of each label closest to their shares. Returns {id: split}.

    The distance is the sum over splits and labels of (rows - target)^2 / target, so small splits fill up as well as
    large ones. The order is random, but units that are too large for the smallest split come first.
    """
    (order,) = _shuffled_strata(tied, lambda row: None, seed) or [[]]
    smallest = min(share for share in shares.values() if share > 0) * sum(map(len, tied)) / sum(shares.values())
    order.sort(key=lambda unit: len(unit) <= smallest)
    totals = Counter(row.kind for unit in tied for row in unit)
    target = {
        (name, kind): n * share / sum(shares.values())
        for name, share in shares.items()
        for kind, n in totals.items()
        if share > 0
    }
    placed: Counter[tuple[str, str | None]] = Counter()
    split_of: dict[str, str] = {}
    for unit in order:
        kinds = Counter(row.kind for row in unit)

        def cost(name: str, kinds: Counter[str | None] = kinds) -> float:
            return sum(
                n * (n + 2 * (placed[name, kind] - target[name, kind])) / target[name, kind]
                for kind, n in kinds.items()
            )

        name = min((name for name in shares if shares[name] > 0), key=cost)
        placed.update({(name, kind): n for kind, n in kinds.items()})
        split_of |= {row.id: name for row in unit}
    return split_of


def subset(rows: Sequence[Entry], size: int | None, seed: int) -> list[Entry]:
    """Draws `size` rows with the same shares of splits and labels as all rows; None: all rows."""
    if size is None:
        return list(rows)
    single = [[row] for row in sorted(rows, key=lambda row: row.id)]
    strata = _shuffled_strata(single, lambda row: (row.split, row.kind), seed)
    sizes = largest_remainder(min(size, len(rows)), [len(stratum) / len(rows) for stratum in strata])
    kept = {row.id for stratum, n in zip(strata, sizes, strict=True) for (row,) in stratum[:n]}
    return [row for row in rows if row.id in kept]


def _shuffled_strata(
    sorted_units: Sequence[list[Entry]], key: Callable[[Entry], Hashable], seed: int
) -> list[list[list[Entry]]]:
    """Groups units, which are sorted by id, by the key of their first rows, and shuffles each group."""
    strata: dict[Hashable, list[list[Entry]]] = defaultdict(list)
    for unit in sorted_units:
        strata[key(unit[0])].append(unit)
    for name, stratum in strata.items():
        random.Random(f"{seed}/{name}").shuffle(stratum)  # its own draw: other strata do not affect it
    return [strata[name] for name in sorted(strata, key=str)]


def largest_remainder(total: int, shares: Sequence[float]) -> list[int]:
    """Divides a whole number in proportion to shares (Hamilton's method).

    >>> largest_remainder(40, [0.8, 0.1, 0.1]), largest_remainder(4, [0.8, 0.1, 0.1])
    ([32, 4, 4], [3, 1, 0])
    """
    exact = [round(total * share / sum(shares), 9) for share in shares]  # rounded: 0.1 + 0.2 is not 0.3
    sizes = Counter({i: math.floor(value) for i, value in enumerate(exact)})
    by_remainder = sorted(range(len(shares)), key=lambda i: (sizes[i] - exact[i], i))
    sizes.update(by_remainder[: total - sum(sizes.values())])
    return [sizes[i] for i in range(len(shares))]

"""Predictions of several systems on the same rows: put in one order, or refused."""

from collections.abc import Collection, Mapping, Sequence

from src.core.records import Prediction
from src.core.user_errors import UserError

SHOWN = 5  # ids that a complaint names

Key = tuple[str, str, str]  # task, split, id


def align(systems: Mapping[str, Sequence[Prediction]]) -> dict[str, list[Prediction]]:
    """Sorts the rows of each system by task, split and id, so that those of one place belong together.

    Raises:
        UserError: two systems have other rows, or another gold for the same row; names the ids that differ.
    """
    tables = {name: {_key(row): row for row in rows} for name, rows in systems.items()}
    (first, reference), *others = tables.items()
    for name, table in others:
        if table.keys() != reference.keys():
            alone = {first: reference.keys() - table.keys(), name: table.keys() - reference.keys()}
            differ = "; ".join(f"{len(keys)} in {own} alone ({_names(keys)})" for own, keys in alone.items() if keys)
            raise UserError(f"{first} and {name} are not of the same rows: {differ}. Score both on the same data")
        if any((row.gold_texts is None) != (reference[key].gold_texts is None) for key, row in table.items()):
            raise UserError(
                f"one of {first} and {name} has the texts of the gold answers (gold_texts) and is scored by words, the "
                "other by characters; give both or neither"
            )
        unequal = [key for key, row in table.items() if row.gold != reference[key].gold]
        if unequal:
            raise UserError(f"{first} and {name} have another gold for the same row: {_names(unequal)}")
    return {name: [table[key] for key in sorted(reference)] for name, table in tables.items()}


def _key(row: Prediction) -> Key:
    return row.task, row.split, row.id


def _names(keys: Collection[Key]) -> str:
    shown = ", ".join(f"{id} of {task} {split}" for task, split, id in sorted(keys)[:SHOWN])
    return f"{shown}, ..." if len(keys) > SHOWN else shown

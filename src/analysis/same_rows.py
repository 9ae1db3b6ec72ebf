"""Puts the predictions of several systems in the same order of rows, or reports which rows differ."""

from collections.abc import Collection, Mapping, Sequence

from src.core.records import Prediction
from src.core.user_errors import UserError

SHOWN = 5  # ids in an error message

Key = tuple[str, str, str]  # task, split, id


def align(systems: Mapping[str, Sequence[Prediction]]) -> dict[str, list[Prediction]]:
    """Sorts the rows of each system by task, split and id, so that equal positions hold the same row.

    Raises:
        UserError: two systems have different rows, or different gold for a row. The message has the ids.
    """
    tables = {name: {_key(row): row for row in rows} for name, rows in systems.items()}
    (first, reference), *others = tables.items()
    for name, table in others:
        if table.keys() != reference.keys():
            only_in = {first: reference.keys() - table.keys(), name: table.keys() - reference.keys()}
            differ = "; ".join(
                f"{len(keys)} only in {system} ({_names(keys)})" for system, keys in only_in.items() if keys
            )
            raise UserError(f"{first} and {name} have different rows: {differ}. Predict the same data with both")
        if any((row.gold_texts is None) != (reference[key].gold_texts is None) for key, row in table.items()):
            raise UserError(
                f"only one of {first} and {name} has gold_texts, the texts of the gold answers. Rows with gold_texts "
                "are scored by words, rows without by characters. Give gold_texts in both or in neither"
            )
        unequal = [key for key, row in table.items() if row.gold != reference[key].gold]
        if unequal:
            raise UserError(
                f"{first} and {name} have different gold for the same rows: {_names(unequal)}. Predict the same data "
                "with both"
            )
    return {name: [table[key] for key in sorted(reference)] for name, table in tables.items()}


def _key(row: Prediction) -> Key:
    return row.task, row.split, row.id


def _names(keys: Collection[Key]) -> str:
    shown = ", ".join(f"{id} of {task} {split}" for task, split, id in sorted(keys)[:SHOWN])
    return f"{shown}, ..." if len(keys) > SHOWN else shown

"""Shows the mistakes in predictions: their categories by group and by span length, and the most confident mistakes.

    python -m src errors metrics/predictions --data data/prepared
    python -m src errors a.jsonl --limit 50 --json

Sentences are read from --data, the folder that prepare wrote, or from the tokens of the rows.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.analysis import breakdown_table, error_categories, scores
from src.analysis.tables import TEXT
from src.core.command import run
from src.core.command_line import command_parser
from src.core.records import Prediction, read_splits
from src.core.user_errors import UserError
from src.tasks import TASKS
from src.tasks.prediction_file import read_predictions


def main() -> None:
    arguments = parser().parse_args()
    if arguments.limit < 0:
        raise UserError(f"--limit is {arguments.limit}; it must be 0 or more")

    rows = read_predictions(arguments.file)
    texts = _sentences(arguments.data) if arguments.data else {}
    if texts and not any(row.id in texts for row in rows):
        raise UserError(f"--data {arguments.data} has none of the predicted rows; give the data of these predictions")
    mistakes = {
        task: {
            split: _mistakes(usable, texts, arguments.limit)
            for split, rows in splits.items()
            if (usable := scores.with_gold(rows))
        }
        for task, splits in scores.by_task(rows).items()
    }
    if arguments.json:
        print(json.dumps(mistakes, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print("\n\n".join(_text(mistakes)))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src errors", __doc__, "predictions-to-paper")
    options.add_argument("file", type=Path, help="file of predictions, or a folder of them")
    options.add_argument("--data", type=Path, help="folder that prepare wrote, for the sentences")
    options.add_argument("--limit", type=int, default=10, help="mistakes shown per task and split; default: 10")
    options.add_argument("--json", action="store_true", help="print JSON")
    return options


def _sentences(folder: Path) -> dict[str, str]:
    """Returns the text of each example that prepare wrote; for a pair, both texts."""
    examples = read_splits(folder)
    return {id: " | ".join(filter(None, (example.text, example.text_pair))) for id, example in examples.items()}


def _mistakes(rows: Sequence[Prediction], texts: Mapping[str, str], limit: int) -> dict[str, Any]:
    return {
        "categories": error_categories.count(rows),
        "by_group": error_categories.by(rows, lambda row: row.group),
        "by_span_length": error_categories.by(rows, TASKS[rows[0].task].target_length),
        "most_confident": [
            {
                "id": row.id,
                "group": row.group,
                "category": category,
                "gold": TASKS[row.task].spelled(row, row.gold),
                "predicted": TASKS[row.task].spelled(row, row.predicted),
                "confidence": TASKS[row.task].confidence(row),
                "text": texts.get(row.id) or " ".join(row.tokens or []),
            }
            for row, category in error_categories.most_confident(rows, limit)
        ],
    }


def _text(mistakes: Mapping[str, Any]) -> Iterator[str]:
    for task, splits in mistakes.items():
        counts = {split: values["categories"] for split, values in splits.items()}
        yield f"{task}: categories\n{breakdown_table.categories(task, counts)}"
        for split, values in splits.items():
            for key in ("group", "span_length"):
                if values[f"by_{key}"]:
                    yield f"{task}, {split}: categories by {key}\n{_crosstab(key, values[f'by_{key}'])}"
            if values["most_confident"]:
                yield f"{task}, {split}: most confident mistakes\n" + "\n".join(map(_mistake, values["most_confident"]))


def _crosstab(key: str, counts: Mapping[Any, Mapping[str, int]]) -> str:
    names = [name for name in next(iter(counts.values())) if any(row_counts[name] for row_counts in counts.values())]
    return TEXT.table(
        [key, *names],
        [[str(value), *(str(row_counts[name]) for name in names)] for value, row_counts in counts.items()],
    )


def _mistake(mistake: Mapping[str, Any]) -> str:
    confidence = "" if mistake["confidence"] is None else f", confidence {mistake['confidence']:.3f}"
    return (
        f"{mistake['id']} ({mistake['category']}{confidence}): gold {mistake['gold']}, predicted {mistake['predicted']}"
        f"\n    {mistake['text']}"
    )


if __name__ == "__main__":
    run(main)

"""Stage prepare: reads, checks and splits a corpus, and writes a JSON Lines file per split.

python -m src.stages.prepare --corpus data/raw/sample --out data/prepared --statistics metrics/data.json
"""

import argparse
from pathlib import Path

from src import corpora
from src.core import config
from src.core.command import run
from src.core.files import atomic_folder, write_json
from src.core.records import SPLITS, write_examples
from src.corpora import canonical_idioms, corpus_file, duplicates, intake_checks, split, statistics
from src.corpora.near_duplicates import near_duplicates
from src.corpora.row_store import RowStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder to write train, validation, test, unseen to")
    parser.add_argument("--statistics", type=Path, required=True, help="JSON file to write counts and warnings to")
    arguments = parser.parse_args()

    params = config.load(arguments.params).prepare
    corpus = corpus_file.with_group(corpus_file.load(arguments.corpus), params.group_column)
    store = RowStore(arguments.out.parent)  # texts stay on disk
    rows, dropped = corpora.without_dropped(store.keep(corpora.read(arguments.corpus, corpus)), corpus)
    intake_checks.check_rows(rows, corpus)
    idioms = canonical_idioms.idioms(arguments.corpus, corpus, rows)
    remarks = [remark for row in rows for remark in row.remarks]
    unseen = split.held_out(rows, corpus, params)
    inseparable = split.inseparable(corpus, params)
    rows = split.assign(rows, unseen, params, inseparable)
    leaks = duplicates.leaking(rows) if corpus.leaks == "drop" else []
    leaking = {leak.id for leak, _ in leaks}
    rows = [row for row in rows if row.id not in leaking]
    intake_checks.check_leaks(rows, inseparable, corpus.inseparable)  # group_by may split what the latter ties
    rows = split.subset(rows, params.max_samples, params.split_seed)
    intake_checks.check_sizes(rows, unseen)
    intake_checks.check_kinds(rows)
    near = near_duplicates(duplicates.distinct(rows))

    with atomic_folder(arguments.out) as folder:
        for name in SPLITS:
            write_examples(folder / f"{name}.jsonl", (row.example for row in rows if row.split == name))
        description = corpus.model_dump(
            include={"description", "language", "licence", "hub", "config", "revision", "expected"}
        )
        write_json(folder / "corpus.json", {"name": arguments.corpus.name, **description})
        write_json(folder / "labels.json", corpus.labels)
        write_json(folder / "idioms.json", idioms)
        write_json(folder / "label_words.json", corpus.zero_shot.model_dump() if corpus.zero_shot else None)
    write_json(
        arguments.statistics,
        {
            "corpus": arguments.corpus.name,
            **corpus.model_dump(include={"description", "language", "licence", "expected"}),
            **params.model_dump(include={"folds", "fold", "group_by", "group_column"}, exclude_none=True),
            "splits": statistics.describe(row.example for row in rows),
            "unseen_groups": sorted({str(row.group) for row in rows if row.split == "unseen"}),
            "dropped_labels": dropped,
            "dropped_leaks": duplicates.listed([(leak.id, copy.id) for leak, copy in leaks]),
            "remarks": duplicates.listed(remarks),
            "duplicates": duplicates.describe(rows),
            "near_duplicates": duplicates.listed(near),
        },
    )
    sizes = ", ".join(f"{name} {sum(row.split == name for row in rows)}" for name in SPLITS)
    print(f"prepared {arguments.corpus.name}: {sizes} rows; {len(near)} near-duplicate pairs")
    for number, items in (
        (sum(dropped.values()), "rows dropped because of their label"),
        (len(leaks), "rows dropped because a later split has the same text"),
        (len(remarks), "remarks of the reader"),
    ):
        if number:
            print(f"{number} {items}: see {arguments.statistics}")


if __name__ == "__main__":
    run(main)

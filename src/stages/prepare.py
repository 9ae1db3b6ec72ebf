"""Stage prepare: reads the chosen corpus, checks it, splits it, and writes one JSON Lines file per split.

python -m src.stages.prepare --corpus data/raw/sample --out data/prepared --statistics metrics/data.json
"""

import argparse
from pathlib import Path

from src import config, corpora
from src.corpora import canonical, checks, corpus_file, split, statistics
from src.errors import run
from src.files import atomic_folder, write_json
from src.records import SPLITS, write_examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder to write train, validation, test, unseen to")
    parser.add_argument("--statistics", type=Path, required=True, help="JSON file to write counts and warnings to")
    arguments = parser.parse_args()

    params = config.load(arguments.params).prepare
    corpus = corpus_file.load(arguments.corpus)
    rows = corpora.read(arguments.corpus, corpus)
    checks.check_rows(rows, corpus)
    idioms = canonical.idioms(arguments.corpus, corpus, rows)
    unseen = split.held_out(rows, corpus, params)
    rows = split.assign(rows, unseen, params)
    checks.check_leaks(rows)
    rows = split.subset(rows, params.max_samples, params.split_seed)
    checks.check_sizes(rows, unseen)
    checks.check_kinds(rows)
    near = checks.near_duplicates(rows)

    examples = [row.example for row in rows]
    with atomic_folder(arguments.out) as folder:
        for name in SPLITS:
            write_examples(folder / f"{name}.jsonl", [example for example in examples if example.split == name])
        write_json(folder / "labels.json", corpus.labels)
        write_json(folder / "idioms.json", idioms)
    write_json(
        arguments.statistics,
        {
            "corpus": arguments.corpus.name,
            **corpus.model_dump(include={"description", "language", "licence"}),
            **params.model_dump(include={"folds", "fold", "group_by"}, exclude_none=True),
            "splits": statistics.describe(examples),
            "unseen_groups": sorted({str(example.group) for example in examples if example.split == "unseen"}),
            "near_duplicates": near,
        },
    )
    sizes = ", ".join(f"{name} {sum(example.split == name for example in examples)}" for name in SPLITS)
    print(f"prepared {arguments.corpus.name}: {sizes} rows; {len(near)} near-duplicate pairs")


if __name__ == "__main__":
    run(main)

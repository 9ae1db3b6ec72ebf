"""Reader `hub`: a data set of the Hugging Face hub, or a folder in its layout, loaded by `datasets.load_dataset`.

`hub`, `config` and `revision` of corpus.yaml select the data set; `files` are its splits; `columns` are as in a table.
Labels that are stored as numbers with names are read as names. Code of a data set is never run. DVC does not see
changes on the hub, so an id needs a revision.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import table
from src.corpora.rows import RowOrError


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
    """Yields the rows of one split; the last part of the path is the split, and the first row is row 1.

    Raises:
        UserError: the hub and its cache do not have the split, or the split does not have a column.
    """
    data = _load(corpus, path.name)
    place = Path(str(corpus.hub), path.name)
    for column in table.required(corpus, targets=targets):
        if column not in data.column_names:
            raise UserError(f"{place}: no column '{column}'; the columns are {', '.join(data.column_names)}")
    names = {column: _names(feature) for column, feature in data.features.items()}
    for number, cells in enumerate(data, start=1):
        yield table.row(place, number, {key: _named(value, names[key]) for key, value in cells.items()}, corpus)


def _load(corpus: Corpus, split: str) -> Any:
    if corpus.revision is None and not Path(str(corpus.hub)).is_dir():
        raise UserError(
            f"the data set '{corpus.hub}' of corpus.yaml needs a revision (a commit of the hub), so that its rows "
            "cannot change without notice; only a local folder needs no revision"
        )
    import datasets  # late: other readers do not need it

    try:
        return datasets.load_dataset(corpus.hub, name=corpus.config, revision=corpus.revision, split=split)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        name = " ".join(part for part in (corpus.hub, corpus.config, corpus.revision) if part)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"the data set '{name}', split '{split}', cannot be loaded: {reason}; legal: a data set of the hub (needs "
            f"the network), a data set in the cache {datasets.config.HF_DATASETS_CACHE}, or a folder; "
            "unset HF_HUB_OFFLINE and HF_DATASETS_OFFLINE to use the network"
        ) from error


def _names(feature: Any) -> list[str] | None:
    """The label names of a column of class labels, or of lists of class labels; None: another column."""
    feature = getattr(feature, "feature", feature)
    return getattr(feature, "names", None)


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if 0 <= value < len(names) else str(value)  # -1: the row has no label

"""Reader `hub`: a data set of the Hugging Face hub, or a folder in its layout, through `datasets.load_dataset`.

`hub`, `config` and `revision` of corpus.yaml say which; `files` are its splits; `columns` as of a table. A label that
the data set keeps as a number and a name goes by its name. Code of a data set is never run. What is on the hub may
change, and DVC would not see it: an id needs its revision.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import table
from src.corpora.rows import Found


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[Found]:
    """Yields the rows of one split, whose name is that of the path; row 1 is the first.

    Raises:
        UserError: what the hub or its cache does not have, or a column that the split does not have.
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
            f"the data set '{corpus.hub}' of corpus.yaml needs a revision, the commit of the hub that is meant, so "
            "that its rows cannot change unseen; only a folder that is here needs none"
        )
    import datasets  # late: prepare starts without it

    try:
        return datasets.load_dataset(corpus.hub, name=corpus.config, revision=corpus.revision, split=split)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        wanted = " ".join(part for part in (corpus.hub, corpus.config, corpus.revision) if part)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"the data set '{wanted}', split '{split}', cannot be loaded: {reason}; legal is what the hub has and the "
            f"network reaches, what {datasets.config.HF_DATASETS_CACHE} keeps, or a folder; "
            "HF_HUB_OFFLINE and HF_DATASETS_OFFLINE forbid the network"
        ) from error


def _names(feature: Any) -> list[str] | None:
    """The names of a column of class labels, or of lists of them."""
    feature = getattr(feature, "feature", feature)
    return getattr(feature, "names", None)


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if 0 <= value < len(names) else str(value)  # -1: the row is unlabelled

"""corpus.yaml: how one corpus is read, which labels it has, where it comes from."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from src.config import Section, parse
from src.errors import UserError, unknown_name
from src.files import read_yaml
from src.records import SPLITS

FileName = Annotated[str, Field(pattern=r"^(\w[\w .-]*/)*\w[\w .-]*$")]


class Corpus(Section):
    """The keys of a corpus.yaml.

    Attributes:
        reader: a name in READERS.
        files: data files, relative to the folder of the corpus.
        labels: the closed, ordered label set of sentences.
        splits: what the data call a split: our name for it; names that are ours already need no entry.
        unseen_groups: groups held out whole when prepare splits afresh.
        canonical_idioms: `group` where each group is an idiom in its dictionary form, or a file with one a line.
        fetch: the command that brings the data files.
    """

    description: str
    language: str
    licence: str
    reader: str
    files: Annotated[list[FileName], Field(min_length=1)]
    labels: Annotated[list[str], Field(min_length=2)]
    splits: dict[str, str] = Field(default_factory=dict)
    unseen_groups: list[str] = Field(default_factory=list)
    canonical_idioms: FileName | None = None
    fetch: str


def load(folder: Path) -> Corpus:
    """Reads the corpus.yaml of a folder.

    Raises:
        UserError: no such corpus (with the names of those there are), or a corpus.yaml that breaks the schema.
    """
    if not (folder / "corpus.yaml").is_file():
        known = sorted(path.parent.name for path in folder.parent.glob("*/corpus.yaml"))
        if not known:
            raise UserError(f"no corpus '{folder.name}': {folder.parent} has no folder with a corpus.yaml")
        raise unknown_name("corpus", folder.name, known)
    corpus = parse(Corpus, read_yaml(folder / "corpus.yaml"), folder / "corpus.yaml")
    for name in corpus.splits.values():
        if name not in SPLITS:
            raise unknown_name(f"split in {folder / 'corpus.yaml'}", name, SPLITS)
    return corpus

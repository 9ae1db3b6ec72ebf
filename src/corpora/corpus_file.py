"""corpus.yaml: how one corpus is read, which labels it has, where it comes from."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from src.core.config import Section, parse
from src.core.files import read_yaml
from src.core.records import SPLITS
from src.core.user_errors import UserError, unknown_name
from src.tasks import TASKS

FileName = Annotated[str, Field(pattern=r"^(\w[\w .-]*/)*\w[\w .-]*$")]

READS = {  # reader: the keys that it reads and that not every corpus may have
    "criteria": (),
    "csv": ("columns", "delimiter", "quoting", "encoding"),
    "hub": ("columns", "hub", "config", "revision"),
    "idioms": (),
    "jsonl": ("columns", "encoding"),
    "squad": (),
}
TABLES = [reader for reader, keys in READS.items() if "columns" in keys]  # columns of the other formats are fixed


class Columns(Section):
    """Names of the columns of a table; null: the table has none.

    Attributes:
        id: null: made from the file's name and the row's number.
        tokens, tags: lists, of words and of one IOB2 tag per word.
        span: the text of the marked span; without start and end it must stand in the text exactly once.
        start, end: of the marked span, in characters of the text, end exclusive.
        span_label: the kind of the span; null: SPAN.
        answers: what stands in the searched text: [start, end] pairs, texts, or SQuAD's {text, answer_start}. An empty
            cell or list: there is no answer; null: nobody has said.
        extra: {field: column} of targets that only a task of your own reads.
    """

    id: str | None = None
    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    tokens: str | None = None
    tags: str | None = None
    span: str | None = None
    start: str | None = None
    end: str | None = None
    span_label: str | None = None
    answers: str | None = None
    extra: dict[str, str] = Field(default_factory=dict)

    @property
    def named(self) -> dict[str, str]:
        """{field: column} of the columns that the table has."""
        return {field: column for field, column in self if isinstance(column, str)} | self.extra


class LabelWords(Section):
    """What labels are called in the corpus's language: by these alone, texts are told apart in train.mode: zero_shot.

    Attributes:
        prompt: what follows the text; {mask} stands where an encoder fills a word in.
        words: {label: words that would be filled in}.
        descriptions: {label: what it means, in a sentence}; for encoders that fill no words in.
    """

    prompt: str
    words: dict[str, Annotated[list[str], Field(min_length=1)]]
    descriptions: dict[str, str]

    @field_validator("prompt")
    @classmethod
    def _prompt_has_one_mask(cls, prompt: str) -> str:
        if prompt.count("{mask}") != 1 or not prompt.partition("{mask}")[0].strip():
            raise ValueError(f"zero_shot.prompt: words and then {{mask}}, once, are expected, not {prompt!r}")
        return prompt


class Corpus(Section):
    """The keys of a corpus.yaml.

    Attributes:
        reader: a name in READERS; a key that the reader does not read is an error, see READS.
        files: data files, relative to the folder of the corpus; of the hub: splits of the data set.
        hub, config, revision: reader hub: what `datasets.load_dataset` is asked for; an id, which needs a revision, or
            a folder.
        delimiter, quoting: reader csv: what parts cells, and whether a cell may be enclosed in double quotes.
        encoding: readers csv and jsonl.
        labels: the closed, ordered label set of texts; empty where texts have none.
        rename: what the data call a label: its name here.
        drop: labels, as the data call them, whose rows are left out, and counted.
        splits: what the data call a split: our name for it. Without a split column that is the name of the file; names
            that are ours already need no entry.
        inseparable: rows that are equal in this field go to one split; a value in two splits is a leak.
        leaks: what becomes of a text that is in two splits, where data are published so: error, or drop it from the one
            that learns (train before validation before test before unseen), and count it.
        unseen_groups: groups held out whole when prepare splits afresh.
        canonical_idioms: `group` where each group is an idiom in its dictionary form, or a file with one a line.
        zero_shot: null: texts can be labelled by a model that has learnt to, only.
        expected: {task: {metric: [low, high]}} of fine-tuned base encoders, on groups that train has seen.
        fetch: the command that brings the data files.
    """

    description: str
    language: str
    licence: str
    reader: str
    files: Annotated[list[FileName], Field(min_length=1)]
    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quoting: bool = True
    encoding: str = "utf-8"
    columns: Columns = Field(default_factory=Columns)
    labels: list[str]
    rename: dict[str, str] = Field(default_factory=dict)
    drop: list[str] = Field(default_factory=list)
    splits: dict[str, str] = Field(default_factory=dict)
    inseparable: Literal["group", "text_pair"] | None = None
    leaks: Literal["error", "drop"] = "error"
    unseen_groups: list[str] = Field(default_factory=list)
    canonical_idioms: FileName | None = None
    zero_shot: LabelWords | None = None
    expected: dict[str, dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]] = Field(
        default_factory=dict
    )
    fetch: str

    @field_validator("labels")
    @classmethod
    def _labels_are_a_set(cls, labels: list[str]) -> list[str]:
        if len(labels) == 1 or len(set(labels)) < len(labels):
            raise ValueError(f"labels: at least 2, each once, or [] where texts have none; not {labels}")
        if "-1" in labels:
            raise ValueError(
                "labels: -1 is no label, but what unlabelled rows bear; name it under drop to leave them out"
            )
        for name in sorted({"macro", "weighted"} & set(labels)):
            raise ValueError(
                f"labels: the score of a label '{name}' would be called f1_{name}, as that of all labels is"
            )
        return labels

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str) -> str:
        try:
            "a".encode(encoding)  # some that Python knows are of bytes to bytes, such as zlib
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"encoding: unknown encoding {encoding!r}; utf-8, utf-16, cp1255 are some that are known"
            ) from error
        return encoding

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if self.reader not in READS:
            raise ValueError(str(unknown_name("reader", self.reader, READS)))
        reads = READS[self.reader]
        for key in sorted({key for keys in READS.values() for key in keys} & self.model_fields_set - set(reads)):
            raise ValueError(
                f"{key}: reader {self.reader} does not read this key; remove it. The reader reads the keys of every "
                f"corpus and {', '.join(reads) or 'no other key'}"
            )
        if self.reader == "hub" and self.hub is None:
            raise ValueError("hub is missing: reader hub must know the id or the folder of a data set")
        if self.reader in TABLES and self.columns.text is None:
            raise ValueError(f"columns.text is missing: reader {self.reader} must know which column the text is in")
        if self.reader == "criteria" and self.inseparable != "text_pair":
            raise ValueError("inseparable: reader criteria needs text_pair, else rows of one post go to several splits")
        for first, second in (("tokens", "tags"), ("start", "end")):
            if (getattr(self.columns, first) is None) != (getattr(self.columns, second) is None):
                raise ValueError(f"columns.{first} and columns.{second} must both be given")
        if self.columns.tags is not None and (self.columns.span is not None or self.columns.start is not None):
            raise ValueError("columns.tags contradicts columns.span and columns.start: name one form of the span")
        for name in self.rename.values():
            if name not in self.labels:
                raise ValueError(f"rename: {unknown_name('label', name, self.labels)}")
        if "-1" in self.rename:
            raise ValueError("rename: -1 is no label, but what unlabelled rows bear; name it under drop")
        for key in ("words", "descriptions") if self.zero_shot else ():
            if set(named := getattr(self.zero_shot, key)) != set(self.labels):
                raise ValueError(
                    f"zero_shot.{key}: each label needs an entry, {', '.join(self.labels)}; it has {', '.join(named)}"
                )
        for name in self.splits.values():
            if name not in SPLITS:
                raise ValueError(str(unknown_name("split", name, SPLITS)))
        for task in self.expected:
            if task not in TASKS:
                raise ValueError(str(unknown_name("task in expected:", task, TASKS)))
        return self


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
    return parse(Corpus, read_yaml(folder / "corpus.yaml"), folder / "corpus.yaml")


def with_group(corpus: Corpus, column: str | None) -> Corpus:
    """Returns a corpus whose group is another column; None: the one of corpus.yaml.

    Raises:
        UserError: the columns of the reader are fixed.
    """
    if column is None:
        return corpus
    if corpus.reader not in TABLES:
        raise UserError(
            f"prepare.group_column: {column}: reader {corpus.reader} has a group of its own; set it to null "
            f"(readers with columns to choose from: {', '.join(TABLES)})"
        )
    changed: dict[str, Any] = {"columns": corpus.columns.model_copy(update={"group": column})}
    return corpus.model_copy(update=changed)

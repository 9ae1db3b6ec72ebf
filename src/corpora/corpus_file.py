"""corpus.yaml: how a corpus is read, which labels it has, where it comes from."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from src.core.files import read_yaml
from src.core.records import SPLITS
from src.core.section import Section, parse
from src.core.user_errors import UserError, unknown_name
from src.tasks import TASKS

FileName = Annotated[str, Field(pattern=r"^(\w[\w .-]*/)*\w[\w .-]*$")]

READS = {  # reader: the keys that this reader supports, besides those of every corpus
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
        id: identifies a row. null: it is the name of the file and the number of the row.
        text: the text.
        text_pair: the second text of a pair. With answers, it is the text that is searched.
        label: the label of the text.
        group: what the row belongs to, such as an idiom, a topic or a post.
        split: the split of the row. null: it is the name of the file.
        tokens: a list of the words. It needs tags.
        tags: a list with one IOB2 tag per word. It needs tokens.
        span: the text of the marked span. Without start and end, it must occur in the text exactly once.
        start: first character of the marked span. It needs end.
        end: end of the marked span, in characters of the text, exclusive. It needs start.
        span_label: the kind of the span. null: SPAN.
        answers: answers in the searched text: [start, end] pairs, texts, or SQuAD's {text, answer_start}. An empty cell
            or list means that there is no answer. null: answers are unknown.
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
    """Words for the labels in the corpus's language; train.mode: zero_shot classifies texts only by these.

    Attributes:
        prompt: what follows the text. The encoder fills a word in at {mask}.
        words: {label: words that stand for it in the prompt}.
        descriptions: {label: its meaning, in a sentence}, for encoders that cannot fill words in.
    """

    prompt: str
    words: dict[str, Annotated[list[str], Field(min_length=1)]]
    descriptions: dict[str, str]

    @field_validator("prompt")
    @classmethod
    def _prompt_has_one_mask(cls, prompt: str) -> str:
        if prompt.count("{mask}") != 1 or not prompt.partition("{mask}")[0].strip():
            raise ValueError(f"zero_shot.prompt: words and then exactly one {{mask}} are expected, not {prompt!r}")
        return prompt


class Corpus(Section):
    """The keys of a corpus.yaml.

    Attributes:
        description: what the corpus is, in a sentence.
        language: code of the language, such as he.
        licence: the licence of the data.
        reader: a name in READERS. A key that the reader does not read is an error.
        files: data files, relative to the folder of the corpus. Reader hub: splits of the data set.
        hub: reader hub: id of the data set, which needs revision, or a folder.
        config: reader hub: the configuration of the data set, if it has several.
        revision: reader hub: commit of the data set.
        delimiter: reader csv: the character between cells.
        quoting: reader csv: true if double quotes may enclose a cell.
        encoding: readers csv and jsonl: the encoding of the files.
        columns: the names of the columns; see below.
        labels: the closed, ordered label set of texts. Empty if texts have no labels.
        rename: {label in the data: label here}.
        drop: labels, as in the data, whose rows are left out and counted.
        splits: {split in the data: train, validation, test or unseen}. Names that are equal need no entry.
        inseparable: rows that are equal in this field go to the same split. A value in two splits is a leak.
        leaks: what happens to a text that is in two splits. error: prepare stops. drop: the split that learns loses it
            (train before validation before test before unseen), and the loss is counted.
        unseen_groups: groups that are held out whole when prepare draws new splits.
        canonical_idioms: `group` if each group is an idiom in its dictionary form, or a file with one idiom per line.
        zero_shot: words for labels in train.mode: zero_shot; see below. null: the corpus has no such words.
        expected: {task: {metric: [low, high]}} of fine-tuned base encoders, on groups that are in train.
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
            raise ValueError(f"labels: at least 2 different labels are expected, or [] for no labels; not {labels}")
        if "-1" in labels:
            raise ValueError(
                "labels: -1 marks rows without a label and is not a label; name it under drop to leave these rows out"
            )
        for name in sorted({"macro", "weighted"} & set(labels)):
            raise ValueError(
                f"labels: rename '{name}': its score would be called f1_{name}, which is the score over all labels"
            )
        return labels

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str) -> str:
        try:
            "a".encode(encoding)  # some codecs of Python, such as zlib, do not encode text
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"encoding: unknown encoding {encoding!r}; legal: utf-8, utf-16, cp1255 and others of Python"
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
            raise ValueError("hub is missing: reader hub needs the id or the folder of a data set")
        if self.reader in TABLES and self.columns.text is None:
            raise ValueError(f"columns.text is missing: reader {self.reader} needs the name of the text column")
        if self.reader == "criteria" and self.inseparable != "text_pair":
            raise ValueError("inseparable: reader criteria needs text_pair, which keeps a post in one split")
        for first, second in (("tokens", "tags"), ("start", "end")):
            if (getattr(self.columns, first) is None) != (getattr(self.columns, second) is None):
                raise ValueError(f"columns.{first} and columns.{second} must both be given")
        if self.columns.tags is not None and (self.columns.span is not None or self.columns.start is not None):
            raise ValueError("columns.tags contradicts columns.span and columns.start: keep one of them")
        for name in self.rename.values():
            if name not in self.labels:
                raise ValueError(f"rename: {unknown_name('label', name, self.labels)}")
        if "-1" in self.rename:
            raise ValueError("rename: -1 marks rows without a label and is not a label; name it under drop")
        for key in ("words", "descriptions") if self.zero_shot else ():
            if set(named := getattr(self.zero_shot, key)) != set(self.labels):
                raise ValueError(
                    f"zero_shot.{key}: each label needs an entry ({', '.join(self.labels)}); it has {', '.join(named)}"
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
        UserError: the corpus does not exist (the error names all corpora), or its corpus.yaml violates the schema.
    """
    if not (folder / "corpus.yaml").is_file():
        known = sorted(path.parent.name for path in folder.parent.glob("*/corpus.yaml"))
        if not known:
            raise UserError(f"no corpus '{folder.name}': {folder.parent} has no folder with a corpus.yaml")
        raise unknown_name("corpus", folder.name, known)
    return parse(Corpus, read_yaml(folder / "corpus.yaml"), folder / "corpus.yaml")


def with_group(corpus: Corpus, column: str | None) -> Corpus:
    """Returns the corpus with another column as its group; None: the column of corpus.yaml.

    Raises:
        UserError: the columns of the reader are fixed.
    """
    if column is None:
        return corpus
    if corpus.reader not in TABLES:
        raise UserError(
            f"prepare.group_column: {column}: reader {corpus.reader} has a fixed group; set it to null "
            f"(readers with a choice of columns: {', '.join(TABLES)})"
        )
    changed: dict[str, Any] = {"columns": corpus.columns.model_copy(update={"group": column})}
    return corpus.model_copy(update=changed)

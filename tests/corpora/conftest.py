"""A small valid corpus of the idioms format, whose rows, columns and corpus.yaml a test can break.

Columns are computed from a sentence in which [ ] mark the idiom and blanks part the words, so that what is expected
of the reader does not come from the code under test.
"""

import csv
import io
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from src import corpora
from src.core.user_errors import UserError
from src.corpora import corpus_file, intake_checks
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from tests.conftest import ROOT, SHARED

SAMPLE = ROOT / "data" / "raw" / "sample"
LABELS = ["Literal", "Figurative"]
UNSEEN = "סגר מעגל"
IDIOMS = ["שבר שתיקה", "ירד מן הפסים", UNSEEN]
LETTERS = "אבגדהוזחטיכלמנסעפצקרשת"


def cells(identity: str, marked: str, label: str, group: str, split: str) -> dict[str, str]:
    """One row as the file has it, from words that are parted by one blank each; [ and ] enclose the idiom."""
    words = marked.split()
    first = next(i for i, word in enumerate(words) if word.startswith("["))
    end = next(i for i, word in enumerate(words) if word.endswith("]")) + 1
    sentence = marked.replace("[", "").replace("]", "")
    start_char, end_char = marked.index("["), marked.index("]") - 1
    return {
        "id": identity,
        "sentence": sentence,
        "base_pie": group,
        "pie_span": sentence[start_char:end_char],
        "label": str(LABELS.index(label)),
        "label_str": label,
        "tokens": str(sentence.split()),
        "iob_tags": str(["O"] * first + ["B-IDIOM"] + ["I-IDIOM"] * (end - first - 1) + ["O"] * (len(words) - end)),
        "start_token": str(first),
        "end_token": str(end),
        "num_tokens": str(len(words)),
        "char_mask": "0" * start_char + "1" * (end_char - start_char) + "0" * (len(sentence) - end_char),
        "start_char": str(start_char),
        "end_char": str(end_char),
        "split": split,
    }


class SmallCorpus:
    """44 rows: two idioms with 8 train, 1 validation and 1 test row per label, a held-out one with 2 rows per label.

    Attributes:
        rows: cells by column; row i stands in row i + 2 of the file.
        meta: the keys of corpus.yaml.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta: dict[str, Any] = {
            "description": "small", "language": "he", "licence": "none", "reader": "idioms", "files": ["a.csv"],
            "labels": LABELS, "unseen_groups": [UNSEEN], "fetch": "dvc import somewhere a.csv",
        }  # fmt: skip
        draw = random.Random(0)
        self.rows: list[dict[str, str]] = []
        for group in IDIOMS:
            for label in LABELS:
                splits = ["unseen"] * 2 if group == UNSEEN else ["train"] * 8 + ["validation", "test"]
                for split in splits:
                    before, after = ("".join(draw.choices(LETTERS, k=9)) for _ in range(2))
                    marked = f'{before} " [{group}] , {after} .'
                    self.rows.append(cells(f"r{len(self.rows):02}", marked, label, group, split))

    @property
    def file(self) -> Path:
        """The data file."""
        return self.folder / "a.csv"

    def csv(self, line_end: str = "\n") -> str:
        """The data file's text; its columns are those of the first row."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(self.rows[0]), lineterminator=line_end)
        table.writeheader()
        table.writerows(self.rows)
        return text.getvalue()

    def write(self, data: bytes | None = None) -> Path:
        """Writes the folder, with other bytes than those of the rows if given, and returns it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        YAML().dump(self.meta, self.folder / "corpus.yaml")
        self.file.write_bytes(self.csv().encode() if data is None else data)
        return self.folder


@pytest.fixture
def corpus(tmp_path: Path) -> SmallCorpus:
    """A valid corpus that is not written yet."""
    return SmallCorpus(tmp_path / "raw" / "small")


@pytest.fixture(scope="session")
def meta() -> Corpus:
    """The corpus.yaml of the sample."""
    return corpus_file.load(SAMPLE)


@pytest.fixture(scope="session")
def sample(meta: Corpus) -> list[Row]:
    """All rows of the sample: 32 idioms, four of them held out, 10 rows per idiom and label."""
    return list(corpora.read(SAMPLE, meta))


@pytest.fixture(scope="session")
def hebrew_idioms(idiom_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shipped corpus.yaml of the Hebrew idioms, and the data files in the place that it names."""
    folder = tmp_path_factory.mktemp("raw") / "hebrew_idioms"
    folder.mkdir()
    shutil.copy(ROOT / "data" / "raw" / "hebrew_idioms" / "corpus.yaml", folder)
    (folder / "splits").symlink_to(idiom_data)
    return folder


REAL = {  # file of the corpus: the file of the staged data; of SST-2 and SQuAD a part
    "babe": {"final_labels_SG2.csv": "babe/final_labels_SG2.csv", "final_labels_SG1.csv": "babe/final_labels_SG1.csv"},
    "babe_opinion": {"final_labels_SG2.csv": "babe/final_labels_SG2.csv"},
    "mrpc": {f"msr_paraphrase_{name}.tsv": f"mrpc/msr_paraphrase_{name}.tsv" for name in ("train", "test")},
    "rte": {"train.tsv": "rte/train.tsv", "dev.tsv": "rte/dev.tsv"},
    "sst2": {"train.tsv": "sst2/train_first4000.tsv", "dev.tsv": "sst2/dev.tsv"},
    "squad_v2": {
        "train-v2.0.json": "squad-v2/train-v2.0-subset300.json",
        "dev-v2.0.json": "squad-v2/dev-v2.0-subset100.json",
    },
}


@pytest.fixture
def real(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with a shipped corpus.yaml, some of its keys changed, beside the real data, where they are."""

    def make(name: str, **changes: Any) -> Path:
        folder = tmp_path / "raw" / name
        folder.mkdir(parents=True)
        for file, source in REAL[name].items():
            if not (SHARED / source).is_file():
                pytest.skip(f"the data of {name} are not at {SHARED / source}")
            (folder / file).symlink_to(SHARED / source)
        shipped = YAML(typ="safe", pure=True).load(ROOT / "data" / "raw" / name / "corpus.yaml")
        YAML().dump({**shipped, **changes}, folder / "corpus.yaml")
        return folder

    return make


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a corpus folder: table({"a.csv": "text,label\\nx,y\\n"}, columns={"text": "text"}, ...)."""

    def write(contents: Mapping[str, str | bytes], /, **meta: Any) -> Path:
        folder = tmp_path / "raw" / "table"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        usual = {
            "description": "a table", "language": "en", "licence": "none", "reader": "csv", "files": list(contents),
            "labels": ["no", "yes"], "columns": {"text": "text", "label": "label"}, "fetch": "copy it",
        }  # fmt: skip
        YAML().dump(
            {key: value for key, value in {**usual, **meta}.items() if value is not ...}, folder / "corpus.yaml"
        )
        return folder

    return write


def rows_of(folder: Path) -> list[Row]:
    """All rows of a corpus folder, as prepare reads them."""
    return list(corpora.read(folder, corpus_file.load(folder)))


def refusal_of(folder: Path) -> str:
    """The one line with which a corpus folder is refused, less the path of the folder."""

    def take() -> None:
        found = corpus_file.load(folder)
        intake_checks.check_rows(list(corpora.read(folder, found)), found)

    with pytest.raises(UserError) as error:
        take()
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{folder}/", "")

"""The tool `corpus`: a first corpus.yaml from a file, and all that is wrong with a corpus.

pytest tests/tools/test_corpus.py
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.core.files import read_yaml
from src.corpora import corpus_file
from tests.conftest import ROOT, SHARED, Command, Ended

HEBREW = "id,text,label,split\n1,שבר את הקרח,1,train\n2,הקרח נשבר,0,dev\n3,הוא שבר שתיקה,1,test\n4,היא שתקה,0,train\n"
Tool = Callable[..., Ended]


@pytest.fixture
def tool(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Runs the tool in a project of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: command("tools.corpus", *arguments)


def made(tool: Tool, content: str | bytes, name: str = "mine.csv") -> dict[str, Any]:
    """The corpus.yaml that is guessed from a file, which must load and name a file that is there."""
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    ended = tool("new", "mine", "--file", name)
    assert ended.status == 0, ended.err
    folder = Path("data/raw/mine")
    assert corpus_file.load(folder).files == [name]
    assert (folder / name).read_bytes() == Path(name).read_bytes()
    assert (folder / "corpus.yaml").read_text() == ended.out
    found: dict[str, Any] = read_yaml(folder / "corpus.yaml")
    return found


def test_a_table_with_telling_names_is_read_as_it_is(tool: Tool) -> None:
    found = made(tool, HEBREW)
    assert found["language"] == "he"
    assert (found["reader"], found["delimiter"], found["quoting"]) == ("csv", ",", True)
    assert found["columns"] == {"id": "id", "text": "text", "label": "label", "split": "split"}
    assert found["labels"] == ["0", "1"]
    assert found["splits"] == {"dev": "validation"}
    ended = tool("check", "mine")
    assert ended.status == 0, ended.out
    assert ended.out.endswith("mine: 4 rows, 0 errors, 0 warnings\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1255"])
def test_delimiter_encoding_and_line_ends_are_seen(tool: Tool, delimiter: str, line_end: str, encoding: str) -> None:
    text = HEBREW.replace(",", delimiter).replace("\n", line_end)
    found = made(tool, text.encode(encoding))
    assert found["delimiter"] == delimiter
    assert found.get("encoding", "utf-8") == encoding.removesuffix("-sig")
    assert tool("check", "mine").status == 0


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [HEBREW, "text,label\nHe broke the ice,1\nplain,0\n"], ids=["hebrew", "english"])
def test_utf_16_is_seen_without_a_byte_order_mark(tool: Tool, text: str, encoding: str) -> None:
    assert made(tool, text.encode(encoding))["encoding"] == encoding
    assert tool("check", "mine").status == 0


@pytest.mark.parametrize(
    "text",
    [
        "Le café est à côté, même l'été",
        "Él está aquí, ¿y tú?",
        "Ärger über Öl",
        "“so” £5",
        "A canção não começou, então não",
    ],
)
def test_a_western_file_is_not_read_as_hebrew(tool: Tool, text: str) -> None:
    found = made(tool, f"text;label\n{text};1\nplain;0\n".encode("cp1252"))
    assert (found["encoding"], found["language"]) == ("cp1252", "und")
    assert tool("check", "mine").status == 0


@pytest.mark.parametrize("text", ["שבר את הקרח ב-cafe", "שָׁבַר אֶת הַקֶּרַח"])
def test_an_old_hebrew_file_may_have_vowel_points_and_foreign_words(tool: Tool, text: str) -> None:
    assert made(tool, f"text;label\n{text};1\nplain;0\n".encode("cp1255"))["encoding"] == "cp1255"


def test_columns_are_told_by_what_they_hold_where_names_do_not_say(tool: Tool) -> None:
    found = made(tool, "kind;said #1;said #2;nr\na;He broke the ice at once;It broke;1\nb;Ice;He broke it;2\n"
                       "a;The ice is thick;Thin ice;3\nb;The ice is thin;Thick ice;4\n")  # fmt: skip
    assert found["columns"] == {"text": "said #1", "text_pair": "said #2", "label": "kind"}
    assert found["labels"] == ["a", "b"]


def test_quotes_that_are_text_are_left_alone_and_unlabelled_rows_dropped(tool: Tool) -> None:
    found = made(tool, 'sentence\tlabel\n"He" said\t1\n"so"\t0\nno " here\t-1\n', "mine.tsv")
    assert found["quoting"] is False
    assert (found["labels"], found["drop"]) == (["0", "1"], ["-1"])
    ended = tool("check", "mine")
    assert ended.status == 0
    assert "warning: label '-1': 1 rows are dropped by corpus.yaml" in ended.out


def test_quotes_that_enclose_cells_are_marks(tool: Tool) -> None:
    assert made(tool, 'text\tlabel\n"He said ""so"""\t1\n"a\tb"\t0\n', "mine.tsv")["quoting"] is True


def test_spans_and_lists_are_found(tool: Tool) -> None:
    rows = [{"text": "a b", "tokens": ["a", "b"], "tags": ["O", "B-X"], "label": number % 2} for number in range(4)]
    found = made(tool, "".join(json.dumps(row) + "\n" for row in rows), "mine.jsonl")
    assert found["reader"] == "jsonl"
    assert found["columns"] == {"text": "text", "label": "label", "tokens": "tokens", "tags": "tags"}
    assert "delimiter" not in found


def test_offsets_without_an_end_are_no_span(tool: Tool) -> None:
    assert made(tool, "text,start\na b,1\n")["columns"] == {"text": "text"}


def test_squad_and_idioms_are_recognised(tool: Tool) -> None:
    question = {"id": "q", "question": "Who?", "answers": []}
    squad = {"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [question]}]}]}
    assert made(tool, json.dumps(squad, indent=1), "mine.json")["reader"] == "squad"
    sample = ROOT / "data" / "raw" / "sample" / "sentences.csv"
    assert tool("new", "idioms", "--file", sample).status == 0
    found = read_yaml(Path("data/raw/idioms/corpus.yaml"))
    assert (found["reader"], found["labels"]) == ("idioms", ["Literal", "Figurative"])
    assert tool("check", "idioms").status == 0


CRITERIA = ROOT / "tests" / "corpora" / "readers" / "criteria"


def test_criteria_are_recognised_and_copied_with_what_lies_beside_them(tool: Tool) -> None:
    ended = tool("new", "posts", "--file", CRITERIA / "annotations.csv")
    assert (ended.status, ended.err) == (0, "")
    found = read_yaml(Path("data/raw/posts/corpus.yaml"))
    assert (found["reader"], found["inseparable"]) == ("criteria", "text_pair")
    assert found["fetch"] == "copy annotations.csv, posts.csv, criteria.json to data/raw/posts"
    for name in ("annotations.csv", "posts.csv", "criteria.json"):
        assert Path("data/raw/posts", name).read_bytes() == (CRITERIA / name).read_bytes()
    assert tool("check", "posts").status == 0


def test_what_criteria_lack_is_named_and_what_is_there_is_not_replaced(tool: Tool) -> None:
    shutil.copy(CRITERIA / "annotations.csv", ".")
    ended = tool("new", "posts", "--file", "annotations.csv")
    assert ended.status == 0
    assert ended.err == "".join(
        f"{name} does not exist; reader criteria needs it: copy it to data/raw/posts/{name}\n"
        for name in ("posts.csv", "criteria.json")
    )
    shutil.copy(CRITERIA / "posts.csv", ".")
    Path("data/raw/posts/posts.csv").write_text("post_id,text\n")
    Path("data/raw/posts/corpus.yaml").unlink()
    Path("data/raw/posts/annotations.csv").unlink()
    ended = tool("new", "posts", "--file", "annotations.csv")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert "posts.csv exists already and is not " in ended.err
    assert [path.name for path in Path("data/raw/posts").iterdir()] == ["posts.csv"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("mrpc/msr_paraphrase_train.tsv",
         {"delimiter": "\t", "quoting": False,
          "columns": {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"}}),
        ("rte/dev.tsv", {"delimiter": "\t", "quoting": False, "labels": ["entailment", "not_entailment"]}),
        ("babe/final_labels_SG2.csv", {"delimiter": ";", "quoting": True,
                                       "labels": ["Biased", "No agreement", "Non-biased"]}),
    ],
)  # fmt: skip
def test_real_files_are_seen_for_what_they_are(tool: Tool, file: str, expected: dict[str, Any]) -> None:
    if not (SHARED / file).is_file():
        pytest.skip(f"no {SHARED / file}")
    assert tool("new", "real", "--file", SHARED / file).status == 0
    found = read_yaml(Path("data/raw/real/corpus.yaml"))
    assert {key: found[key] for key in expected} == expected


def test_a_file_that_lies_in_the_folder_is_used_where_it_is(tool: Tool) -> None:
    Path("raw/mine").mkdir(parents=True)
    Path("raw/mine/mine.csv").write_text(HEBREW)
    assert tool("new", "mine", "--file", "raw/mine/mine.csv", "--root", "raw").status == 0
    assert sorted(path.name for path in Path("raw/mine").iterdir()) == ["corpus.yaml", "mine.csv"]


def test_nothing_is_replaced(tool: Tool) -> None:
    made(tool, HEBREW)
    before = {path: path.read_bytes() for path in Path("data/raw/mine").iterdir()}
    ended = tool("new", "mine", "--file", "mine.csv")
    assert ended.status == 2
    assert "corpus.yaml exists already" in ended.err
    Path("data/raw/mine/corpus.yaml").unlink()
    Path("mine.csv").write_text(HEBREW + "5,x,0,train\n")
    ended = tool("new", "mine", "--file", "mine.csv")
    assert ended.status == 2
    assert "exists already and is not " in ended.err
    assert Path("data/raw/mine/mine.csv").read_bytes() == before[Path("data/raw/mine/mine.csv")]


def test_a_guess_without_labels_says_what_is_doubtful(tool: Tool) -> None:
    Path("mine.csv").write_text("text,label\none text,1\n")
    ended = tool("new", "mine", "--file", "mine.csv")
    assert ended.status == 0
    assert "labels: []" in ended.out
    assert ended.err.startswith("WARNING: no labels were found: ")
    Path("other.csv").write_text(HEBREW)
    assert tool("new", "other", "--file", "other.csv").err == ""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine", b"", "mine.csv is empty"),
        ("mine", b"one line\n", "is not a table with a header"),
        ("mine", b"[1, 2]\n[3]\n", "JSON without one object per line"),
        ("mine", b"\xff\xfe\x00", "has none of the encodings utf-16"),
        ("../mine", HEBREW.encode(), "'../mine' is not a name of a corpus"),
        ("my corpus", HEBREW.encode(), "'my corpus' is not a name of a corpus"),
        ("mine", None, "mine.csv does not exist"),
    ],
)
def test_what_cannot_be_guessed_is_one_line_and_writes_nothing(
    tool: Tool, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        Path("mine.csv").write_bytes(content)
    ended = tool("new", name, "--file", "mine.csv", "--root", "raw/sub")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert message in ended.err
    assert not Path("raw").exists()


BAD = [
    "1,one text,0,train",
    "2,,0,train",
    "3,three,5,train",
    "3,four,1,train",
    "5,one text!,0,test",
    "6,x,0",
    "7,y,1,dev2",
]


def test_check_tells_all_that_is_wrong_at_once(tool: Tool) -> None:
    made(tool, HEBREW)
    Path("data/raw/mine/mine.csv").write_text("\n".join(["id,text,label,split", *BAD]) + "\n")
    ended = tool("check", "mine")
    assert ended.status == 1
    for fragment in (
        "error: data/raw/mine/mine.csv, row 7: 3 cells for 4 columns",
        "row 3, column 'text': the text is empty",
        "row 4, column 'label': unknown label; legal: 0, 1; the value is '5'",
        "row 5, column 'id': data/raw/mine/mine.csv, row 4, has the same id",
        "row 8, column 'split': unknown split",
        "row 6, column 'text': leak: data/raw/mine/mine.csv, row 2, in split train",
        "warning: 1 texts occur more than once",
        "train: rows 4",
        "mine: 6 rows, 6 errors, ",
    ):
        assert fragment in ended.out, fragment
    assert ended.err == ""


def test_a_flood_of_errors_is_counted(tool: Tool) -> None:
    made(tool, HEBREW)
    rows = "".join(f"{number},text {number},5,train\n" for number in range(100))
    Path("data/raw/mine/mine.csv").write_text("id,text,label,split\n" + rows)
    ended = tool("check", "mine")
    assert ended.out.count("error: ") == 21
    assert "error: 80 more\n" in ended.out
    assert "100 errors" in ended.out


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", ["0", "1", "2"], "warning: no row has the declared label '2'"),
        ("unseen_groups", ["x"], "warning: unseen_groups: no row has the group 'x'"),
        ("lables", [], "error: data/raw/mine/corpus.yaml: unknown key 'lables'"),
        ("files", ["other.csv"], "error: corpus 'mine' has no file data/raw/mine/other.csv; to fetch it: "),
        ("encoding", "utf-16", "error: data/raw/mine/mine.csv is not utf-16"),
    ],
)
def test_check_reads_corpus_yaml_against_the_rows(tool: Tool, key: str, value: Any, message: str) -> None:
    found = made(tool, HEBREW)
    Path("data/raw/mine/corpus.yaml").write_text(json.dumps({**found, key: value}))
    ended = tool("check", "mine")
    assert message in ended.out
    assert ended.status == (1 if message.startswith("error") else 0)


def test_rows_that_no_task_can_use_are_an_error(tool: Tool) -> None:
    assert made(tool, "text;y\nfirst words;1.5\nother words;2.5\nlast words;3.5\n")["labels"] == []
    ended = tool("check", "mine")
    assert ended.status == 1
    assert "error: no row has a label, tags or answers, so no task can use the corpus" in ended.out + ended.err


def test_check_tells_the_remarks_of_a_reader(tool: Tool) -> None:
    shutil.copytree(ROOT / "tests" / "corpora" / "readers" / "criteria", "data/raw/criteria")
    ended = tool("check", "criteria")
    assert ended.status == 0
    assert (
        "warning: data/raw/criteria/annotations.csv, row 7: the evidence 'I lie awake until 4' is not in" in ended.out
    )
    assert "no split: rows 8, labels {'absent': 2, 'present': 6}, answers {'none': 2, 'some': 4}" in ended.out


def test_the_sample_has_nothing_wrong() -> None:
    ended = subprocess.run([sys.executable, "-m", "src", "corpus", "check", "sample"], cwd=ROOT, capture_output=True,
                           text=True, check=False)  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("sample: 640 rows, 0 errors, 0 warnings\n")

"""Baselines by hand, and their known scores on the Hebrew idiom corpus.

pytest tests/tasks/test_baselines.py
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from src.core.files import read_json
from src.core.records import SPLITS, Example, Prediction, read_examples
from src.corpora import corpus_file
from src.stages import prepare
from src.tasks import TASKS
from src.tasks.cls import baselines as cls_baselines
from src.tasks.cls.baselines import tfidf
from src.tasks.evidence import baselines as evidence_baselines
from src.tasks.span import baselines as span_baselines
from src.tasks.span.baselines import lexicon, lexicon_canonical
from src.text.words import invalid_tag
from tests.conftest import ROOT

DECLARED = ["Literal", "Figurative"]
TAGS = ["O", "B-X", "I-X"]


def example(words: str, tags: str = "", label: str | None = None, i: int = 0) -> Example:
    """Words between blanks; tags in short: `OBI` is O, B-X, I-X."""
    return Example(
        id=str(i), text=words, label=label, tokens=words.split(), split="test",
        tags=["O" if tag == "O" else f"{tag}-X" for tag in tags] if tags else None,
    )  # fmt: skip


def marked(train: Sequence[Example], words: str) -> str:
    """What the lexicon of `train` marks, in short."""
    (row,) = lexicon(train, {"test": [example(words)]}, TAGS)["test"]
    assert len(row.predicted) == len(words.split())
    assert invalid_tag(row.predicted) is None
    return "".join(tag[0] for tag in row.predicted)


def test_every_task_has_baselines_and_each_predicts_every_row(splits: dict[str, list[Example]]) -> None:
    examples = {split: splits[split] for split in ("test", "unseen")}
    for task in TASKS.values():
        labels = task.labels(splits["train"], DECLARED)
        baselines = task.baselines(["פתח דף חדש"])
        assert "majority" in baselines
        for baseline in baselines.values():
            rows = baseline(splits["train"], examples, labels)
            for split, found in rows.items():
                assert [row.id for row in found] == [given.id for given in examples[split]]
                assert {row.task for row in found} == {task.name}
                assert {row.split for row in found} == {split}
                assert task.score(found).keys() >= {task.primary_metric}


@pytest.mark.parametrize(
    ("task", "name"), [(name, baseline) for name, task in TASKS.items() for baseline in task.baselines([])]
)
def test_no_baseline_looks_at_the_gold_of_the_row(task: str, name: str, splits: dict[str, list[Example]]) -> None:
    baseline = TASKS[task].baselines([])[name]
    labels = TASKS[task].labels(splits["train"], DECLARED)
    blind = [Example(id=e.id, text=e.text, group=e.group, tokens=e.tokens, split=e.split) for e in splits["unseen"]]
    seeing = baseline(splits["train"], {"unseen": splits["unseen"]}, labels)["unseen"]
    found = baseline(splits["train"], {"unseen": blind}, labels)["unseen"]
    assert [row.predicted for row in found] == [row.predicted for row in seeing]
    assert [row.probabilities for row in found] == [row.probabilities for row in seeing]
    assert all(row.gold is None and row.correct is None for row in found)


def asked(question: str | None, text: str, *answers: list[int]) -> Example:
    texts = {"text": text} if question is None else {"text": question, "text_pair": text}
    return Example(id="1", **texts, answers=list(answers), split="test")


@pytest.mark.parametrize(("train", "predicted"), [([[], [[0, 3]]], None), ([[], [[0, 3]], [[1, 2]]], [0, 11])])
def test_the_majority_answer_is_none_or_the_whole_text(
    train: list[list[list[int]]], predicted: list[int] | None
) -> None:
    examples = [asked("q", "some words", *answers) for answers in train] + [example("x")]
    (row,) = evidence_baselines.majority(examples, {"test": [asked("q", "other words", [0, 5])]}, [])["test"]
    assert row.predicted == predicted
    assert row.text == ("other words" if predicted else "")


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("Who built the bridge?", "Rivers flow. He built it. The bridge was built late!", "The bridge was built late!"),
        ("Who built it?", "It was built. He built it.", "It was built."),
        ("What is 3.5?", "It has 3.5 parts\nand no more", "It has 3.5 parts"),
        ("מי בנה?", "הנהר זורם. הבנאי בנה אותו…", "הבנאי בנה אותו…"),
        ("Who?!", "Nothing here. Nor here!", ""),
        (None, "All is well. He sat there on the fence. Yes.", "He sat there on the fence."),
    ],
)  # fmt: skip
def test_the_overlap_baseline_takes_the_sentence_that_shares_most_words(
    question: str | None, text: str, found: str
) -> None:
    train = [asked(None, "He is on the fence", [6, 18])]
    (row,) = evidence_baselines.overlap(train, {"test": [asked(question, text, [0, 2])]}, [])["test"]
    assert row.text == found


def test_the_majority_label_is_the_most_frequent_of_train_with_the_shares_as_probabilities() -> None:
    train = [example("x", label=label) for label in ("Figurative", "Literal", "Figurative", "Figurative")]
    train.append(example("x"))
    (row,) = cls_baselines.majority(train, {"test": [example("y", label="Literal")]}, DECLARED)["test"]
    assert (row.predicted, row.gold, row.correct) == ("Figurative", "Literal", False)
    assert row.probabilities == {"Literal": 0.25, "Figurative": 0.75}


def test_a_label_that_train_lacks_has_probability_zero() -> None:
    (row,) = cls_baselines.majority([example("x", label="Literal")], {"test": [example("y")]}, DECLARED)["test"]
    assert row.probabilities == {"Literal": 1.0, "Figurative": 0.0}


def test_the_majority_tag_is_the_most_frequent_of_train_for_every_word() -> None:
    train = [example("a b c", "OBI"), example("d e", "OO"), example("f")]
    (row,) = span_baselines.majority(train, {"test": [example("g h i", "BIO")]}, TAGS)["test"]
    assert row.predicted == ["O", "O", "O"]
    assert row.correct is False


def test_the_lexicon_marks_what_was_marked_in_train() -> None:
    train = [example("he broke the silence", "OBII"), example("cut corners now", "BIO")]
    assert marked(train, "they cut corners and broke the silence .") == "OBIOBIIO"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("broke silence", "OO", id="another form is not matched"),
        pytest.param("Broke the silence", "OOO", id="nor another case"),
        pytest.param("broke the", "OO", id="nor a part at the end"),
        pytest.param("broke the silence broke the silence", "BIIBII", id="twice in a row"),
        pytest.param("broke broke the silence", "OBII", id="a false start"),
        pytest.param("", "", id="no words"),
    ],
)
def test_the_lexicon_matches_whole_forms_only(words: str, expected: str) -> None:
    assert marked([example("he broke the silence", "OBII")], words) == expected


def test_the_longest_form_wins_at_each_word() -> None:
    train = [example("a b", "BI"), example("a b c", "BII"), example("b", "B"), example("c d", "BI")]
    assert marked(train, "a b c d") == "BIIO"
    assert marked(train, "a b d") == "BIO"
    assert marked(train, "b c d") == "BBI"


def test_the_lexicon_never_uses_the_span_of_the_row_itself() -> None:
    """The span of the row is in no row of train: it must stay unmarked, though its tags are at hand."""
    train = [example("he broke the silence", "OBII")]
    rows = [example("she cut corners", "OBI"), example("she cut corners and broke the silence", "OBIOBII")]
    found = lexicon(train, {"test": rows}, TAGS)["test"]
    assert [row.predicted for row in found] == [["O"] * 3, ["O"] * 4 + ["B-X", "I-X", "I-X"]]
    assert [row.predicted_spans for row in found] == [[], [[20, 37, "X"]]]


def test_a_form_of_two_kinds_is_of_the_more_frequent_one() -> None:
    def of(kind: str) -> Example:
        return Example(id="1", text="a b", tokens=["a", "b"], tags=[f"B-{kind}", f"I-{kind}"], split="train")

    (row,) = lexicon([of("X"), of("Y"), of("Y")], {"test": [example("a b")]}, [])["test"]
    assert row.predicted == ["B-Y", "I-Y"]


def test_canonical_idioms_are_a_baseline_of_span_where_the_corpus_has_any() -> None:
    for name, task in TASKS.items():
        added = task.baselines(["cut corners"]).keys() - task.baselines([]).keys()
        assert added == ({"lexicon_canonical"} if name == "span" else set())


def test_a_canonical_idiom_is_marked_as_train_marks_and_nothing_else_of_train_is_used() -> None:
    train = [example("he broke the silence", "OBII")]
    tests = [example("we cut all corners", "OBII"), example("broke the silence", "BII")]
    rows = lexicon_canonical(["cut corners"], train, {"test": tests}, TAGS)["test"]
    assert [row.predicted for row in rows] == [["O", "B-X", "I-X", "I-X"], ["O", "O", "O"]]
    assert [row.correct for row in rows] == [True, False]


def test_without_spans_in_train_the_lexicon_is_empty() -> None:
    assert marked([example("a b", "OO"), example("c")], "a b c") == "OOO"


def test_tfidf_learns_from_parts_of_words() -> None:
    """No word of the test is a word of train, but its parts are."""
    train = [example(f"walking{i} talking{i}", label="Literal", i=i) for i in range(4)]
    train += [example(f"houses{i} blouses{i}", label="Figurative", i=i) for i in range(4)]
    tests = [example("talkings", label="Literal"), example("spouses", label="Figurative")]
    rows = tfidf([*train, example("talking")], {"test": tests}, DECLARED)["test"]
    assert [row.predicted for row in rows] == ["Literal", "Figurative"]
    for row in rows:
        assert list(row.probabilities) == DECLARED
        assert sum(row.probabilities.values()) == pytest.approx(1)
        assert row.predicted == max(row.probabilities, key=row.probabilities.get)


def test_tfidf_reads_the_second_text_as_well() -> None:
    def pair(second: str, label: str) -> Example:
        return Example(id="1", text="same text", text_pair=second, label=label, split="train")

    train = [pair("walking", "Literal"), pair("houses", "Figurative")] * 3
    tests = [pair("walking", "Literal"), pair("houses", "Figurative")]
    assert all(row.correct for row in tfidf(train, {"test": tests}, DECLARED)["test"])


def test_tfidf_gives_a_label_that_train_lacks_probability_zero() -> None:
    train = [example("walking there", label=label) for label in ("no", "yes")] * 3
    (row,) = tfidf(train, {"test": [example("walking")]}, ["yes", "perhaps", "no"])["test"]
    assert row.probabilities["perhaps"] == 0.0
    assert list(row.probabilities) == ["yes", "perhaps", "no"]


@pytest.fixture(scope="module")
def idioms(idiom_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Example]]:
    """The Hebrew idiom corpus as the stage prepare leaves it, split as its authors did."""
    folder = tmp_path_factory.mktemp("hebrew_idioms")
    corpus = folder / "hebrew_idioms"
    (corpus / "splits").mkdir(parents=True)
    (corpus / "corpus.yaml").write_bytes((ROOT / "data" / "raw" / "hebrew_idioms" / "corpus.yaml").read_bytes())
    for name in corpus_file.load(corpus).files:
        (corpus / name).symlink_to(idiom_data / Path(name).name)
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    params["prepare"] |= {"split": "own", "unseen_groups": None, "max_samples": None}
    YAML().dump(params, folder / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        out, statistics = folder / "prepared", folder / "data.json"
        arguments = ["prepare", f"--params={folder / 'params.yaml'}", f"--corpus={corpus}", f"--out={out}"]
        patch.setattr(sys, "argv", [*arguments, f"--statistics={statistics}"])
        prepare.main()
    examples = {split: read_examples(out / f"{split}.jsonl") for split in SPLITS}
    assert len(read_json(out / "idioms.json")) == 60
    return examples


def scored(task: str, rows: dict[str, list[Prediction]]) -> dict[str, float]:
    return {split: TASKS[task].score(found)[TASKS[task].primary_metric] for split, found in rows.items()}


def test_tfidf_reaches_its_known_scores_on_the_hebrew_idioms(idioms: dict[str, list[Example]]) -> None:
    assert [len(idioms[split]) for split in SPLITS] == [3456, 432, 432, 480]
    rows = tfidf(idioms["train"], {split: idioms[split] for split in ("test", "unseen")}, DECLARED)
    assert scored("cls", rows) == {"test": pytest.approx(0.86, abs=0.01), "unseen": pytest.approx(0.88, abs=0.01)}


def test_majorities_on_the_hebrew_idioms_are_chance(idioms: dict[str, list[Example]]) -> None:
    tests = {split: idioms[split] for split in ("test", "unseen")}
    sentences = cls_baselines.majority(idioms["train"], tests, DECLARED)
    assert scored("cls", sentences) == {"test": pytest.approx(1 / 3), "unseen": pytest.approx(1 / 3)}
    assert scored("span", span_baselines.majority(idioms["train"], tests, TAGS)) == {"test": 0.0, "unseen": 0.0}


def test_the_lexicon_knows_idioms_it_has_seen_and_no_others(idioms: dict[str, list[Example]]) -> None:
    tests = {split: idioms[split] for split in ("test", "unseen")}
    found = scored("span", lexicon(idioms["train"], tests, ["O", "B-IDIOM", "I-IDIOM"]))
    assert found["test"] > 0.7
    assert found["unseen"] < 0.05


def test_canonical_idioms_are_found_seen_or_not_and_by_no_gold(idioms: dict[str, list[Example]]) -> None:
    """All 60 are looked for in each sentence, and none of it but its words is read."""
    known = sorted({str(row.group) for rows in idioms.values() for row in rows})
    splits = {"unseen": idioms["unseen"], "rest": [row for split in SPLITS[:3] for row in idioms[split]]}
    assert [len(rows) for rows in splits.values()] == [480, 4320]
    rows = lexicon_canonical(known, idioms["train"], splits, TAGS)
    found = scored("span", rows)
    assert found["unseen"] >= 0.99
    assert found["rest"] >= 0.98
    blind = [replace(row, tags=None, group=None, label=None) for row in splits["unseen"]]
    again = lexicon_canonical(known, idioms["train"], {"unseen": blind}, TAGS)["unseen"]
    assert [row.predicted for row in again] == [row.predicted for row in rows["unseen"]]

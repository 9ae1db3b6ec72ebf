"""The report, opened in a browser as a reader opens it: the figures have drawn, nothing is out of place, nothing runs.

pytest tests/tools/test_report.py
"""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from src.core.records import Example, Prediction
from src.tasks.cls import decoding as cls
from src.tasks.prediction_file import read_predictions, write_predictions
from src.tasks.span import decoding as span
from src.text.words import spans_of, tags_of
from tests.tools.conftest import Tool

LABELS = ["Literal", "Figurative"]


@pytest.fixture(scope="module")
def predictions(prepared: Path, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two systems with two seeds each, labels and spans of the sample's sentences, some of them wrong."""
    folder = tmp_path_factory.mktemp("predictions")
    for system, share in (("טובה", 0.2), ("poor", 0.6)):
        for seed in (1, 2):
            chance = random.Random(f"{system} {seed}")
            rows = [
                row
                for split in ("test", "unseen")
                for example in splits[split]
                for row in _rows(example, share, chance)
            ]
            write_predictions(folder / f"{system}-{seed}.jsonl", rows)
    return folder


def _rows(example: Example, share: float, chance: random.Random) -> list[Prediction]:
    wrong, p = chance.random() < share, chance.uniform(0.5, 1)
    figurative = (example.label == "Figurative") != wrong
    spans = [(first + wrong, end, kind) for first, end, kind in spans_of(example.tags or [])]
    tags = tags_of(spans, len(example.tokens or []))
    return [
        cls.prediction(example, LABELS, [1 - p, p] if figurative else [p, 1 - p]),
        span.prediction(example, tags, [p] * len(tags)),
    ]


def systems(folder: Path) -> list[str]:
    return ["--predictions", f"good={folder}/טובה-*.jsonl", f"poor={folder}/poor-*.jsonl"]


@pytest.fixture(scope="module")
def browser() -> Callable[[Path, int], tuple[dict[str, Any], list[str]]]:
    """Opens a page at a width in pixels: what is on it, and what the console says."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here, so the report is not opened in a browser")

    def look(page: Path, width: int) -> tuple[dict[str, Any], list[str]]:
        probed = page.with_name(f"probed-{page.name}")
        probed.write_text(page.read_text(encoding="utf-8").replace("</body>", f"<script>{PROBE}</script></body>"))
        frame = page.with_name(f"frame-{page.name}")
        frame.write_text(FRAME.format(page=probed.name, width=width))
        ended = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update",
             f"--user-data-dir={page.parent / 'browser'}", "--enable-logging=stderr", "--virtual-time-budget=5000",
             "--dump-dom", frame.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        found = re.search(r'data-probe="([^"]*)"', ended.stdout)
        assert found, ended.stdout[:500]
        said = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
        own = [line for line in said if "source: chrome://" not in line]  # the browser's own pages may grumble
        return json.loads(unescape(found[1])), own

    return look


Browser = Callable[[Path, int], tuple[dict[str, Any], list[str]]]

PROBE = """
addEventListener("load", () => parent.postMessage(JSON.stringify({
  figures: [...document.querySelectorAll("figure")].map(figure => {
    const box = figure.querySelector("svg").getBoundingClientRect();
    return {id: figure.id, width: box.width, height: box.height,
            shapes: figure.querySelectorAll("svg path, svg image").length,
            text: [...figure.querySelectorAll("svg text")].map(text => text.textContent.trim())};
  }),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  title: document.title,
  marks: [...document.querySelectorAll("mark")].map(mark => [mark.className.trim(), mark.textContent]),
  directions: [...new Set([...document.querySelectorAll("td.text")].map(cell => getComputedStyle(cell).direction))],
  requests: performance.getEntriesByType("resource").map(entry => entry.name),
}), "*"));
"""
FRAME = """<!doctype html><body>
<script>addEventListener("message", event => {{ document.body.dataset.probe = event.data }})</script>
<iframe src="{page}" style="width:{width}px;height:900px;border:0"></iframe></body>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_every_figure_has_drawn_and_the_console_is_silent(
    predictions: Path, prepared: Path, pages: Path, tool: Tool, browser: Browser, width: int
) -> None:
    out = pages / "report.html"
    if not out.exists():
        assert tool("report", *systems(predictions), "--data", prepared, "--out", out).status == 0
    found, console = browser(out, width)
    assert console == []
    assert found["requests"] == []
    assert found["overflow"] <= 0  # wide tables and figures scroll by themselves
    assert found["directions"] == ["rtl"]
    ids = [figure["id"] for figure in found["figures"]]
    for task in ("cls", "span"):
        for name in ("generalisation", "seeds", "confusion_good", "confusion_poor", "errors_test", "errors_unseen",
                     "groups_test", "groups_unseen"):  # fmt: skip
            assert f"{task}_{name}" in ids
    assert {"cls_calibration_test", "cls_calibration_unseen"} < set(ids)
    for figure in found["figures"]:
        assert figure["width"] > 300, figure["id"]
        assert figure["height"] > 80, figure["id"]
        assert figure["shapes"] > 5, figure["id"]
        assert any(figure["text"]), figure["id"]
    heatmap = next(figure for figure in found["figures"] if figure["id"] == "span_groups_unseen")
    assert any(re.search("[א-ת]{2}", text) for text in heatmap["text"])
    assert {kind for kind, _ in found["marks"]} >= {"gold", "predicted", "gold predicted"}


def test_a_fault_of_a_page_would_be_seen(pages: Path, browser: Browser) -> None:
    page = pages / "bad.html"
    page.write_text("<body><figure id=x><svg width=0 height=0></svg></figure><script>undefined.x</script></body>")
    found, console = browser(page, 390)
    assert "TypeError" in console[0]
    assert found["figures"] == [{"id": "x", "width": 0, "height": 0, "shapes": 0, "text": []}]


def test_what_stands_in_predictions_is_text_and_never_runs(tmp_path: Path, tool: Tool, browser: Browser) -> None:
    evil = '<script>document.title = "owned"</script><img src=x onerror="document.title=1"> $x_{$'
    rows = [
        {"id": f"{evil}{i}", "split": "test", "group": f"{evil}{i % 2}", "task": "span", "gold": ["B-X", "O"],
         "predicted": ["O", "O"], "tokens": [evil, "b"]}
        for i in range(4)
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    system = f"<script>throw 1</script>$_{{$={tmp_path / 'a.jsonl'}"
    ended = tool("report", "--predictions", system, "--out", tmp_path / "r.html")
    assert ended.status == 0, ended.err
    found, console = browser(tmp_path / "r.html", 1280)
    assert (found["title"], console) == ("Predictions", [])
    assert "document.title" in json.dumps(found["figures"])


def test_no_name_in_predictions_leads_out_of_the_folder(tmp_path: Path, tool: Tool) -> None:
    rows = [
        {"id": str(i), "split": "/../../up", "group": "g", "task": "cls", "gold": "a", "predicted": "a"}
        for i in range(3)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    inside = tmp_path / "1" / "2"
    ended = tool("report", "--predictions", f"../x={tmp_path / 'a.jsonl'}", "--out", inside / "r.html",
                 "--figures", inside / "3", "--latex", inside / "3")  # fmt: skip
    assert ended.status == 0, ended.err
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "1"}
    assert {path.name for path in inside.iterdir()} == {"r.html", "3"}
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["2"]


def test_words_that_are_not_in_the_sentence_stand_side_by_side(tmp_path: Path, prepared: Path, tool: Tool) -> None:
    first = json.loads((prepared / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    row = {"id": first["id"], "split": "test", "group": None, "task": "span", "gold": ["B-X", "O"],
           "predicted": ["O", "O"], "tokens": ["[UNK]", "there"]}  # fmt: skip
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    ended = tool(
        "report", "--predictions", f"x={tmp_path / 'a.jsonl'}", "--data", prepared, "--out", tmp_path / "r.html"
    )
    assert ended.status == 0, ended.err
    assert "[UNK]" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_two_reports_of_the_same_are_equal_byte_for_byte(predictions: Path, tmp_path: Path, tool: Tool) -> None:
    for name in ("a", "b"):
        assert tool("report", *systems(predictions), "--out", tmp_path / f"{name}.html").status == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_tables_and_figures_for_a_paper(predictions: Path, tmp_path: Path, tool: Tool) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "mine.txt").write_text("stays")
    ended = tool("report", *systems(predictions), "--out", tmp_path / "r.html",
                    "--latex", tmp_path / "paper", "--figures", tmp_path / "paper")  # fmt: skip
    assert ended.status == 0
    written = {Path(line).name for line in ended.out.splitlines()}
    assert written == {path.name for path in tmp_path.rglob("*.*")} - {"mine.txt"}
    assert {"means.tex", "tests.tex", "errors_cls.tex", "errors_span.tex"} < written
    assert (tmp_path / "paper" / "cls_seeds.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "paper" / "cls_seeds.png").read_bytes().startswith(b"\x89PNG")
    means = (tmp_path / "paper" / "means.tex").read_text()
    assert means.count(r"\begin{tabular}") == means.count(r"\end{tabular}") == 1
    assert r"f1\_macro" in means


def test_figures_of_the_report_say_what_the_rows_say(predictions: Path, tmp_path: Path, tool: Tool) -> None:
    assert tool("report", *systems(predictions), "--out", tmp_path / "r.html").status == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = [row for seed in (1, 2) for row in read_predictions(predictions / f"poor-{seed}.jsonl")]
    tests = [row for row in rows if row.task == "cls" and row.split == "test"]
    right = sum(bool(row.correct) for row in tests)
    assert f"<td>{right} <small>{100 * right / len(tests):.1f}</small></td>" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predictions", "a"], "'a' is not NAME=GLOB"),
        (["--predictions", "a=nowhere/*.jsonl"], "nothing matches nowhere/*.jsonl"),
        ([], "metrics/predictions does not exist"),
        (["--experiments"], "DVC cannot list experiments"),
    ],
)
def test_what_cannot_be_reported_on_is_said_in_one_line(
    tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = tool("report", *arguments)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert message in ended.err
    assert list(tmp_path.iterdir()) == []

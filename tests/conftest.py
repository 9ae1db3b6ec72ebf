"""What tests share: a machine without network and user configuration, reduced parameters, tiny models.

pytest tests/corpora    # one folder of tests, which mirror src
"""

import gc
import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

_home = tempfile.TemporaryDirectory(prefix="tests-home-")
_git = Path(_home.name) / "gitconfig"
_git.write_text("[init]\ndefaultBranch = main\n[safe]\ndirectory = *\n")  # the checkout may be another user's
for _name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):  # of a user
    os.environ.pop(_name, None)
_TESTER = {"NAME": "Test", "EMAIL": "test@example.org"}  # dvc's libgit2 does not read GIT_CONFIG_GLOBAL
os.environ |= {  # before transformers, dvc and git read them
    "HF_HOME": f"{_home.name}/huggingface",
    "HF_HUB_OFFLINE": "1",
    "GIT_CONFIG_GLOBAL": str(_git),
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _TESTER.items()},
    "LOGNAME": "test",  # which dvc asks for, and a user without an entry in passwd has not
    "DVC_SITE_CACHE_DIR": f"{_home.name}/site-cache",
    "DVC_GLOBAL_CONFIG_DIR": f"{_home.name}/dvc-global",
    "DVC_SYSTEM_CONFIG_DIR": f"{_home.name}/dvc-system",
    "HYPOTHESIS_STORAGE_DIRECTORY": f"{_home.name}/hypothesis",
    "DVC_NO_ANALYTICS": "1",
    "DVC_STUDIO_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",  # one number of threads in all processes: equal bits
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it, as what it starts would

import hypothesis
import pytest
from ruamel.yaml import YAML

from src.core.command import run
from src.core.records import SPLITS, Example, read_examples
from src.text.words import locate, spans_of
from tests.project import ROOT, SMALL, copy_of_project, sh, write_params

hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    max_examples=40,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # a busy machine is no fault
)
hypothesis.settings.load_profile("same")

SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """Trainer and statsmodels collect garbage in each run, which takes as long as it if all of torch is looked at."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def idiom_data() -> Path:
    """The folder of the Hebrew idiom corpus, which is not part of the project."""
    folder = SHARED / "hebrew-idioms"
    if not folder.is_dir():
        pytest.skip(f"the Hebrew idiom corpus is not at {folder}")
    return folder


ParamsFile = Callable[..., Path]


@pytest.fixture
def params_file(tmp_path: Path) -> ParamsFile:
    """Writes the shipped params.yaml with changes: params_file({"train.epochs": 1}); the value `...` drops a key."""

    def write(changes: dict[str, Any] | None = None, path: Path = tmp_path / "params.yaml") -> Path:
        return write_params(path, changes or {})

    return write


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in this process as its command line would: command("tools.score", "a.jsonl", "--json")."""

    def call(name: str, *arguments: Any) -> Ended:
        module = importlib.import_module(f"src.{name}")
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capfd.readouterr()
        try:
            run(module.main)
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return Ended(status, *capfd.readouterr())

    return call


Stage = Callable[..., Ended]


@pytest.fixture
def stage(command: Command) -> Stage:
    """Runs a stage: stage("prepare", "--out", folder)."""
    return lambda name, *arguments: command(f"stages.{name}", *arguments)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample corpus as prepare leaves it, 160 rows of it; not to be written to."""
    folder = tmp_path_factory.mktemp("prepared")
    argv = sys.argv
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    params["prepare"]["max_samples"] = 160
    YAML().dump(params, folder / "params.yaml")
    sys.argv = ["prepare", f"--params={folder / 'params.yaml'}", f"--corpus={ROOT / 'data/raw/sample'}",
                f"--out={folder / 'data'}", f"--statistics={folder / 'data.json'}"]  # fmt: skip
    try:
        importlib.import_module("src.stages.prepare").main()
    finally:
        sys.argv = argv
    return folder / "data"


@pytest.fixture(scope="session")
def splits(prepared: Path) -> dict[str, list[Example]]:
    """The examples of `prepared`, with targets for every task: an idiom answers where it is figurative."""
    return {name: [with_answers(example) for example in read_examples(prepared / f"{name}.jsonl")] for name in SPLITS}


def with_answers(example: Example) -> Example:
    words = locate(example.tokens or [], example.text)
    spans = [[words[first][0], words[end - 1][1]] for first, end, _ in spans_of(example.tags or [])]
    return replace(example, answers=spans if example.label == "Figurative" else [])


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with reduced parameters, after `dvc exp run` and a commit; to be copied, not to be written to."""
    folder = copy_of_project(tmp_path_factory.mktemp("finished"))
    changes = " ".join(f"-S {key}={value}" for key, value in SMALL.items())
    sh(f"dvc exp run {changes}", folder)
    sh("git add -A && git commit -qm 'Reduce'", folder)
    return folder


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Puts the working directory back."""
    before = Path.cwd()
    yield
    os.chdir(before)

"""Expected errors: how a name is refused, and how a command ends.

pytest tests/core/test_command.py
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src.core import best_file
from src.core.command import run
from src.core.user_errors import UserError, is_out_of_memory, unknown_name

ROOT = Path(__file__).parents[2]


def test_an_unknown_name_is_met_with_the_nearest_legal_one_and_all_others() -> None:
    message = str(unknown_name("encoder", "dictabrt", ["alephbert", "dictabert"]))
    assert message == "unknown encoder 'dictabrt', did you mean 'dictabert'? Legal: alephbert, dictabert"


def test_a_name_that_is_near_to_none_is_not_guessed() -> None:
    assert str(unknown_name("task", "zzz", ["cls", "span"])) == "unknown task 'zzz'. Legal: cls, span"


def test_the_legal_names_may_come_from_a_generator() -> None:
    message = str(unknown_name("task", "spam", (name for name in ["cls", "span"])))
    assert "'span'?" in message
    assert message.endswith("cls, span")


def test_an_expected_error_ends_a_command_with_status_2_and_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("no such corpus:\n  'x'\r\n\tLegal: sample\n")

    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == 2
    assert capfd.readouterr() == ("", "error: no such corpus: 'x' Legal: sample\n")


def test_a_value_that_an_error_quotes_keeps_its_blanks(capfd: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("'a b' is expected;\nthe value is 'a  b'")

    with pytest.raises(SystemExit):
        run(main)
    assert capfd.readouterr().err == "error: 'a b' is expected; the value is 'a  b'\n"


def test_a_command_that_succeeds_just_returns(capfd: pytest.CaptureFixture[str]) -> None:
    run(lambda: print("done"))
    assert capfd.readouterr() == ("done\n", "")


@pytest.mark.parametrize("printed", ["'short'", "'long' * 100_000"])
def test_a_command_whose_reader_has_gone_ends_without_a_traceback(printed: str) -> None:
    code = f"from src.core.command import run; run(lambda: print({printed}))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_what_the_system_refuses_ends_with_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run(lambda: (tmp_path / "none" / "file").touch())
    assert end.value.code == 1
    assert capsys.readouterr().err == f"error: No such file or directory: {tmp_path / 'none' / 'file'}\n"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[Errno 13] Permission denied: 'a'", "error: a cannot be copied: [Errno 13] Permission denied: 'a'\n"),
        ("[Errno 28] No space left on device", "error: the disk is full: a cannot be copied: [Errno 28] No space left"),
    ],
)
def test_a_folder_that_cannot_be_copied_is_told_by_its_first_file(
    reason: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise shutil.Error([("a", "copy/a", reason), ("b", "copy/b", reason)])

    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith(said)


def test_an_error_that_nobody_expected_keeps_its_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)


def test_a_real_command_ends_with_status_2_one_line_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "src.stages.prepare", "--corpus", "data/raw/samples"]
    command += ["--out", str(tmp_path / "out"), "--statistics", str(tmp_path / "data.json")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: unknown corpus 'samples', did you mean 'sample'? Legal: ")
    assert ended.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


PAUSE = """
import os, signal, sys

class Pause:
    def find_spec(self, *_):
        spec = getattr(sys.modules.get("{module}"), "__spec__", None)
        if spec and not getattr(spec, "_initializing", False):  # it has been imported, and others follow
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGSTOP)

sys.meta_path.insert(0, Pause())
"""
PATHS = "--model=none --environment=none --live=none --health=none"
TRAIN = f"src.stages.train --data={{data}} --best={{best}} {PATHS}"
EVALUATE = "src.stages.evaluate --data=none --model=none --metrics=none --predictions=none --plots=none"


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
@pytest.mark.parametrize(
    ("command", "module"),
    [
        (EVALUATE, "torch"),
        (TRAIN, "dvclive"),
        (TRAIN, "torch._utils_internal"),
        ("src compare", "pydantic"),
        ("src drive", "dvc.config"),
    ],
)
def test_a_command_that_is_told_to_stop_while_it_still_imports_does_so_with_one_line(
    command: str, module: str, number: int, status: int, word: str, prepared: Path, tmp_path: Path
) -> None:
    best_file.write(tmp_path / "best.yaml", "fixed", {})
    command = command.format(data=prepared, best=tmp_path / "best.yaml")
    (tmp_path / "sitecustomize.py").write_text(PAUSE.format(module=module))
    process = subprocess.Popen(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    assert process.communicate()[1] == f"error: {word}; run the same command again to continue\n"
    assert process.returncode == status


def test_a_library_that_is_imported_leaves_the_signals_alone() -> None:
    code = "import signal, src.tools.score; print(signal.getsignal(signal.SIGINT).__name__)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "default_int_handler\n"


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As that of Ctrl-C is by what a script starts in the background."""
    code = "import os, signal; from src.core.command import run; run(lambda: os.kill(os.getpid(), signal.SIGINT))"
    command = ["sh", "-c", f"trap '' INT; exec {sys.executable} -c '{code}'"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


class OutOfMemoryError(RuntimeError):
    """As torch names it, which is not imported here."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (MemoryError("Unable to allocate 9. TiB for an array"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def without_text() -> None:
    bytearray(2**60)


def of_torch() -> None:
    import torch

    torch.empty(2**46)


def behind_another_error() -> None:
    try:
        of_torch()
    except RuntimeError as error:
        raise ValueError("no batch") from error


@pytest.mark.parametrize(
    ("main", "said"),
    [(without_text, "MemoryError"), (of_torch, "DefaultCPUAllocator"), (behind_another_error, "no batch")],
)
def test_memory_that_runs_out_ends_with_one_line_and_status_1(
    main: Callable[[], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == 1
    line = capsys.readouterr().err
    assert line.startswith("error: memory ran out: ")
    assert said in line
    assert line.count("\n") == 1


IMPORTED = """
import gc
from src.core.command import heavy_imports, run
def main():
    with heavy_imports():
        print(gc.isenabled())
    print(gc.isenabled(), gc.get_freeze_count() > 1000)
    made.extend([[] for _ in range(1000)])
made = []
run(main)
print(any(found is made[0] for found in gc.get_objects()))
"""


def test_neither_heavy_imports_nor_the_end_of_a_command_search_for_garbage() -> None:
    """Searches took a third of a short run: while modules were imported, and once more as Python ended."""
    ended = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "True", "True", "False"]

"""What this project needs of DVC and its public interface (dvc.api) does not have: all of it is here.

- Experiments and the queue. `dvc.api.exp_show` reads the folders of running experiments. If a worker removes one at
  that moment, it fails or (seen in DVC 3.67.1) waits for ever. It has no logs, and no baseline of a queued experiment.
- The state of the stages in the workspace, the place of the cache, revisions by name: through Repo.
- Hashes of files and folders, for comparison with dvc.lock.
- The local configuration, which `make drive` writes.

If DVC changes one of them, `compare`, `report`, `check` or `make drive` fail or show wrong rows.
tests/runs/test_dvc_internals.py names the versions for which this was checked.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.config import Config, ConfigError
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.ignore import DvcIgnoreFilter
from dvc.repo import Repo
from dvc.repo.experiments.collect import collect_rev, collect_successful
from dvc.scm import resolve_rev
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_data.index import DataIndexDirError
from dvc_objects.fs import MemoryFileSystem, localfs
from scmrepo.exceptions import SCMError

__all__ = ["DVC_ERRORS", "ConfigError", "NotDvcRepoError", "Repo", "collect_rev", "collect_successful", "resolve_rev"]

DVC_ERRORS = (DvcException, DataIndexDirError, SCMError, OSError)


def queued(repo: Repo) -> Iterator[tuple[str, Any]]:
    """Yields the state and the entry of each task of the queue, in the order of a task's life."""
    queue = repo.experiments.celery_queue
    yield from (("queued", entry) for entry in queue.iter_queued())
    yield from (("running", entry) for entry in queue.iter_active())
    yield from (("failed", done.entry) for done in queue.iter_failed())
    yield from (("success", done.entry) for done in queue.iter_success())


def log_of(repo: Repo, entry: Any) -> Path | None:
    """Returns the file that the worker of a task prints to; None before the task has begun."""
    process = repo.experiments.celery_queue.proc.get(entry.stash_rev)
    return Path(process.stdout) if process else None


def md5(root: Path, path: str) -> str:
    """Returns the hash of a file or folder, as DVC computes it: without what .dvcignore of `root` leaves out."""
    cache, source = HashFileDB(MemoryFileSystem(), "memory://checks"), str((root / path).absolute())
    ignored = DvcIgnoreFilter(localfs, str(root.absolute()))
    _, _, built = build(cache, source, localfs, "md5", dry_run=True, ignore=ignored)
    return str(built.hash_info.value)


def configuration() -> Config:
    """Returns the configuration of the repository around this folder.

    Raises:
        NotDvcRepoError, ConfigError: there is no repository, or its configuration is not valid.
    """
    return Config(Repo.find_dvc_dir())

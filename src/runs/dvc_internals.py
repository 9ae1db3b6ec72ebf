"""All uses of DVC that its public interface (dvc.api) does not offer.

- Experiments and the queue. `dvc.api.exp_show` reads the folders of running experiments. If a worker removes one at
  that moment, it fails or (seen in DVC 3.67.1) waits forever. It has no logs, and no baseline of a queued experiment.
- The state of the stages in the workspace, the folder of the cache, and revisions by name. They come from Repo.
- Hashes of files and folders, for comparison with dvc.lock.
- The local configuration, which `make drive` writes.

If DVC changes one of these, `compare`, `report`, `check` or `make drive` can fail or show wrong rows.
tests/runs/test_dvc_internals.py has the versions of DVC that were tested.
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
    """Yields (state, entry) for each task of the queue: first queued tasks, then running, failed and finished ones."""
    queue = repo.experiments.celery_queue
    yield from (("queued", entry) for entry in queue.iter_queued())
    yield from (("running", entry) for entry in queue.iter_active())
    yield from (("failed", done.entry) for done in queue.iter_failed())
    yield from (("success", done.entry) for done in queue.iter_success())


def log_of(repo: Repo, entry: Any) -> Path | None:
    """Returns the log of the worker of a task; None if the task has not started."""
    process = repo.experiments.celery_queue.proc.get(entry.stash_rev)
    return Path(process.stdout) if process else None


def md5(root: Path, path: str) -> str:
    """Returns the hash of a file or folder as DVC computes it, without the files in .dvcignore of `root`."""
    cache, source = HashFileDB(MemoryFileSystem(), "memory://checks"), str((root / path).absolute())
    ignored = DvcIgnoreFilter(localfs, str(root.absolute()))
    _, _, built = build(cache, source, localfs, "md5", dry_run=True, ignore=ignored)
    return str(built.hash_info.value)


def configuration() -> Config:
    """Returns the configuration of the repository that contains the current folder.

    Raises:
        NotDvcRepoError, ConfigError: there is no repository, or its configuration is not valid.
    """
    return Config(Repo.find_dvc_dir())

"""Fine-tunes encoders to tell idiomatic from literal language; see README.md."""

import gc
import sys

from src.core.command import stop_at_once

if sys.argv[:1] == ["-m"]:  # `python -m src.stages.train` is on its way to that file, and runs nothing else
    stop_at_once()
    gc.disable()  # else searches for garbage take a third of the time that imports take; `run` enables them

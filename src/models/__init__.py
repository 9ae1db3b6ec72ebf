"""Encoders, how they are assembled with tasks into a checkpoint, trained and run; knows neither corpora nor DVC.

Sets the process up for torch, before anything loads torch: memory is kept, and threads that wait give their core away.
Neither changes a bit of what is computed.
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def _keep_memory() -> None:
    """Lets malloc keep what is freed: the next batch needs as much, and the kernel's pages come slowly, zeroed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:  # glibc; elsewhere there is nothing to set
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 2**26)


_keep_memory()
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else a thread that waits burns the core that another one needs

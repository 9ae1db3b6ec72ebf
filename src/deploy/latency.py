"""Latency of single requests. Timing starts after a warm-up; each time includes the work of the device."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Latency:
    """Latency of consecutive requests, in milliseconds; percentiles are interpolated."""

    mean: float
    median: float
    p95: float
    p99: float


def measure(request: Callable[[int], object], requests: int, warm_up: int) -> Latency:
    """Times requests, one after the other.

    Args:
        request: runs one request; receives its number, from 0.
        warm_up: number of requests before, which are not timed: the first requests load code and choose kernels.
    """
    for number in range(warm_up):
        request(number)
    times = [1000 * seconds(lambda number=number: request(number)) for number in range(requests)]  # type: ignore[misc]
    median, p95, p99 = np.percentile(times, [50, 95, 99])
    return Latency(float(np.mean(times)), float(median), float(p95), float(p99))


def seconds(call: Callable[[], object]) -> float:
    """Times a call until the device has finished all work."""
    start = _now()
    call()
    return _now() - start


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # a call returns before the GPU has finished its work
    return time.perf_counter()

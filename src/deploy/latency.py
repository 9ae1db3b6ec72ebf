"""How long single requests take: each is timed by itself, once the first ones are over and the device is done."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Latency:
    """Of requests that follow one another, in milliseconds; percentiles are interpolated."""

    mean: float
    median: float
    p95: float
    p99: float


def measure(request: Callable[[int], object], requests: int, warm_up: int) -> Latency:
    """Times requests, one after the other.

    Args:
        request: does one; is told its number, from 0.
        warm_up: requests before these, which are not timed: the first ones load code and choose kernels.
    """
    for number in range(warm_up):
        request(number)
    found = [1000 * seconds(lambda number=number: request(number)) for number in range(requests)]  # type: ignore[misc]
    median, p95, p99 = np.percentile(found, [50, 95, 99])
    return Latency(float(np.mean(found)), float(median), float(p95), float(p99))


def seconds(what: Callable[[], object]) -> float:
    """Times a call up to the moment when the device has done all that it was given."""
    begin = _now()
    what()
    return _now() - begin


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # a GPU works on after the call that gave it the work has returned
    return time.perf_counter()

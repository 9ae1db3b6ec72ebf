"""Latency of made-up requests, on a clock that they move themselves.

pytest tests/deploy/test_latency.py
"""

from collections.abc import Iterator

import pytest
import torch

from src.deploy import latency


class Clock:
    """Stands still but for requests, of which each takes its number in milliseconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.requests: list[int] = []

    def request(self, number: int) -> None:
        self.requests.append(number)
        self.now += number / 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr("time.perf_counter", lambda: made.now)
    return made


def test_each_request_is_timed_by_itself_after_the_warm_up(clock: Clock) -> None:
    found = latency.measure(clock.request, requests=101, warm_up=3)
    assert clock.requests == [0, 1, 2, *range(101)]
    assert (found.mean, found.median) == (pytest.approx(50.0), pytest.approx(50.0))
    assert (found.p95, found.p99) == (pytest.approx(95.0), pytest.approx(99.0))


def test_a_clock_is_read_when_the_gpu_is_done(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request has queued takes its time when one waits for it."""
    queued = 0.0

    def synchronize() -> None:
        nonlocal queued
        clock.now += queued
        queued = 0.0

    def request() -> None:
        nonlocal queued
        queued += 0.5

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    queued = 7.0  # of somebody before
    assert latency.seconds(request) == pytest.approx(0.5)

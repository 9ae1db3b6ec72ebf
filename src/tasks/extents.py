"""Categories of mistakes for tasks that predict spans: the predicted extents compared with the gold extents."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

RIGHT = "PERFECT"
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "BOUNDARY": ("PARTIAL_START", "PARTIAL_END", "PARTIAL_BOTH", "EXTEND_START", "EXTEND_END", "EXTEND_BOTH"),
        "DETECTION": ("MISS", "FALSE_POSITIVE"),
        "POSITION": ("SHIFT", "WRONG_SPAN", "MULTI_SPAN"),
    }
)
BOUNDARIES = {  # start and end of predicted relative to gold: -1 before, 0 equal, 1 after
    (1, 0): "PARTIAL_START",
    (0, -1): "PARTIAL_END",
    (1, -1): "PARTIAL_BOTH",
    (-1, 0): "EXTEND_START",
    (0, 1): "EXTEND_END",
    (-1, 1): "EXTEND_BOTH",
}


def category(gold: Sequence[Sequence[int]], predicted: Sequence[Sequence[int]]) -> str:
    """Returns the category of a mistake. If there are several gold spans, the one with the largest overlap counts.

    Args:
        gold, predicted: [start, end] of each span, ends exclusive; they are not equal.
    """
    if not gold:
        return "FALSE_POSITIVE"
    if not predicted:
        return "MISS"
    if len(predicted) > 1:
        return "MULTI_SPAN"
    start, end = predicted[0]
    gold_start, gold_end = max(gold, key=lambda extent: min(end, extent[1]) - max(start, extent[0]))
    if end <= gold_start or start >= gold_end:
        return "WRONG_SPAN"
    return BOUNDARIES.get((_sign(start - gold_start), _sign(end - gold_end)), "SHIFT")


def _sign(difference: int) -> int:
    return (difference > 0) - (difference < 0)

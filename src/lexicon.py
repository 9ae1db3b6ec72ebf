"""Finds canonical idioms in sentences, in whatever form they take there. Nothing is learnt.

Every content word of an idiom must be in the sentence, inflected as Hebrew inflects: in their order, or with the first,
the verb, last. Between them may stand function words freely, other words at a cost, and punctuation never.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from src import hebrew
from src.words import Span

# Chosen on the idioms of train, validation and test; a consonant of an affix costs 1.
LIMIT = 3.5  # a match that costs more is none
FRONTED = 1.5  # the verb is last
OTHER_WORD = 2.0  # stands between two parts
FUNCTION_WORD = 0.25
REACH = 4  # words from one part to the next, at most

Slot = tuple[int, int]  # an idiom, and which of its parts
Places = Mapping[int, Sequence[tuple[int, float]]]  # part of one idiom: its possible words in the sentence, with costs
Match = tuple[float, int, int]  # cost, first word, end word (exclusive)


class Lexicon:
    """Canonical idioms, by the stems of their words."""

    def __init__(self, idioms: Sequence[str]) -> None:
        self._idioms = list(idioms)
        self._sizes = []
        self._slots: dict[hebrew.Key, list[tuple[Slot, int]]] = defaultdict(list)
        for number, idiom in enumerate(self._idioms):
            words = [hebrew.letters(word) for word in idiom.split()]
            parts = [word for word in words if not hebrew.is_slot(word)]
            self._sizes.append(len(parts))
            for part, word in enumerate(parts):
                for key, cost in hebrew.cited(word, first=part == 0).items():
                    self._slots[key].append(((number, part), cost))
        self._candidates = lru_cache(maxsize=1 << 16)(self._find_candidates)

    def find(self, words: Sequence[str]) -> list[Span]:
        """Returns the idioms in the words of a sentence, in their order; where two overlap, the better match.

        >>> Lexicon(["שבר את הקרח", "ירד לו האסימון"]).find("כשהאסימון ירד לה היא שברה סוף סוף את הקרח".split())
        [(0, 2, 'ירד לו האסימון'), (4, 9, 'שבר את הקרח')]
        """
        places: dict[int, dict[int, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
        letters = [hebrew.letters(word) for word in words]
        for position, word in enumerate(letters):
            for (idiom, part), cost in self._candidates(word):
                places[idiom][part].append((position, cost))
        whole = [(idiom, found) for idiom, found in places.items() if len(found) == self._sizes[idiom]]
        matches = [(*match, idiom) for idiom, found in whole for match in _align(found, letters)]
        spans: list[Span] = []
        for _, first, end, idiom in sorted(matches):
            if all(end <= other[0] or other[1] <= first for other in spans):
                spans.append((first, end, self._idioms[idiom]))
        return sorted(spans)

    def _find_candidates(self, word: str) -> list[tuple[Slot, int]]:
        best: dict[Slot, int] = {}
        for key, cut in hebrew.read(word).items():
            for slot, cost in self._slots.get(key, ()):
                best[slot] = min(cut + cost, best.get(slot, cut + cost))
        return list(best.items())


def _align(places: Places, words: Sequence[str]) -> Iterator[Match]:
    """Yields every way to take one word for each part that does not cost too much."""
    parts = sorted(places)
    yield from _in_order([places[part] for part in parts], words, 0)
    if len(parts) > 1:
        yield from _in_order([places[part] for part in [*parts[1:], parts[0]]], words, FRONTED)


def _in_order(parts: Sequence[Sequence[tuple[int, float]]], words: Sequence[str], cost: float) -> Iterator[Match]:
    partial = [(cost + own, position, position + 1) for position, own in parts[0]]
    for part in parts[1:]:
        partial = [
            (total, first, position + 1)
            for before, first, end in partial
            for position, own in part
            if end <= position < end + REACH and (total := before + own + _between(words[end:position])) <= LIMIT
        ]
    return (match for match in partial if match[0] <= LIMIT)


def _between(words: Sequence[str]) -> float:
    """Returns what the words between two parts cost."""
    cost = 0.0
    for position, word in enumerate(words):
        if hebrew.is_function_word(word):
            cost += FUNCTION_WORD
        elif not any(map(str.isalnum, word)) or "את" in words[:position]:
            return float("inf")  # a clause ends; or the verb has another object
        else:
            cost += OTHER_WORD
    return cost

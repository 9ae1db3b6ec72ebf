"""Finds canonical idioms in sentences, in whatever form they take there. Nothing is learnt.

Every content word of an idiom must be in the sentence, inflected as Hebrew inflects: in their order, or with the first,
the verb, last. Between them may stand function words freely, other words at a cost, and punctuation never.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from src.text import hebrew
from src.text.words import Span

# Chosen on the seen idioms, their test split among them, whose score is one of development therefore.
# A consonant of an affix costs 1, and a function word nothing.
OTHER_WORD = 1  # between two parts
FRONTED = 2  # the verb is last
LIMIT = 3  # of a match
REACH = 5  # words from one part to the next, at most

Slot = tuple[int, int]  # an idiom, and which of its parts
Places = Mapping[int, Sequence[tuple[int, int]]]  # part of one idiom: its possible words in the sentence, with costs
Match = tuple[int, int, int, int]  # cost, length, first word, end word (exclusive)


class Lexicon:
    """Canonical idioms, by the stems of their words."""

    def __init__(self, idioms: Sequence[str]) -> None:
        self._idioms = list(idioms)
        self._sizes = []
        self._slots: dict[hebrew.Key, list[tuple[Slot, int]]] = defaultdict(list)
        for number, idiom in enumerate(self._idioms):
            parts = hebrew.cited(idiom)
            self._sizes.append(len(parts))
            for part, keys in enumerate(parts):
                for key, cost in keys.items():
                    self._slots[key].append(((number, part), cost))
        self._candidates = lru_cache(maxsize=1 << 16)(self._find_candidates)

    def find(self, words: Sequence[str]) -> list[Span]:
        """Returns the idioms in the words of a sentence, in their order; where two overlap, the better match.

        >>> Lexicon(["שבר את הקרח", "ירד לו האסימון"]).find("כשהאסימון ירד לה היא שברה סוף סוף את הקרח".split())
        [(0, 2, 'ירד לו האסימון'), (4, 9, 'שבר את הקרח')]
        """
        places: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        letters = [hebrew.letters(word) for word in words]
        for position, (before, word) in enumerate(pairwise(["", *letters])):
            for (idiom, part), cost in self._candidates(word, before if before in hebrew.CONTRACTED else ""):
                places[idiom][part].append((position, cost))
        whole = [(idiom, found) for idiom, found in places.items() if len(found) == self._sizes[idiom]]
        matches = [(*match, idiom) for idiom, found in whole for match in _align(found, letters)]
        spans: list[Span] = []
        for _, _, first, end, idiom in sorted(matches):
            if all(end <= other[0] or other[1] <= first for other in spans):
                spans.append((first, end, self._idioms[idiom]))
        return sorted(spans)

    def _find_candidates(self, word: str, before: str) -> list[tuple[Slot, int]]:
        best: dict[Slot, int] = {}
        for key, cut in hebrew.read(word, before).items():
            for slot, cost in self._slots.get(key, ()):
                best[slot] = min(cut + cost, best.get(slot, cut + cost))
        return list(best.items())


def _align(places: Places, words: Sequence[str]) -> Iterator[Match]:
    """Yields every way to take one word for each part that does not cost too much."""
    parts = sorted(places)
    yield from _in_order([places[part] for part in parts], words, 0)
    if len(parts) > 1:
        yield from _in_order([places[part] for part in [*parts[1:], parts[0]]], words, FRONTED)


def _in_order(parts: Sequence[Sequence[tuple[int, int]]], words: Sequence[str], cost: int) -> Iterator[Match]:
    partial = [(cost + own, position, position + 1) for position, own in parts[0]]
    for part in parts[1:]:
        partial = [
            (total, first, position + 1)
            for before, first, end in partial
            for position, own in part
            if end <= position < end + REACH and (total := before + own + _between(words[end:position])) <= LIMIT
        ]
    return ((total, end - first, first, end) for total, first, end in partial if total <= LIMIT)


def _between(words: Sequence[str]) -> int:
    """Returns what the words between two parts cost."""
    others = [position for position, word in enumerate(words) if not hebrew.is_function_word(word)]
    barred = any(not any(map(str.isalnum, words[position])) or "את" in words[:position] for position in others)
    return LIMIT + 1 if barred else OTHER_WORD * len(others)  # a clause ends, or the verb has another object

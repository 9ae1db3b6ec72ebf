"""Matches canonical idioms in sentences, in any inflected form. Nothing is trained.

A sentence must contain every content word of an idiom, inflected by the rules of Hebrew. The words are in the order of
the idiom, or the first word, the verb, is last. Function words between them are free, other words have a cost, and
punctuation is not allowed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from src.text import hebrew
from src.text.words import Span

# Costs, chosen on the seen idioms. This includes their test split, so its score is a development score.
# A consonant of an affix costs 1, a function word 0.
OTHER_WORD = 1  # cost of another word between two parts
FRONTED = 2  # cost of a verb that is last
LIMIT = 3  # maximum cost of a match
REACH = 5  # maximum number of words from one part to the next

Slot = tuple[int, int]  # index of an idiom, index of its part
Places = Mapping[int, Sequence[tuple[int, int]]]  # {part of an idiom: [(position of a word in the sentence, cost)]}
Match = tuple[int, int, int, int]  # cost, length, first word, end word (exclusive)


class Lexicon:
    """Canonical idioms, indexed by the stems of their words."""

    def __init__(self, idioms: Sequence[str]) -> None:
        self._idioms = list(idioms)
        self._sizes = []
        self._slots: dict[hebrew.Key, list[tuple[Slot, int]]] = defaultdict(list)
        for number, idiom in enumerate(self._idioms):
            parts = hebrew.idiom_keys(idiom)
            self._sizes.append(len(parts))
            for part, keys in enumerate(parts):
                for key, cost in keys.items():
                    self._slots[key].append(((number, part), cost))
        self._candidates = lru_cache(maxsize=1 << 16)(self._find_candidates)

    def find(self, words: Sequence[str]) -> list[Span]:
        """Returns the idioms in the words of a sentence, in sentence order. If two overlap, the better is kept.

        >>> Lexicon(["שבר את הקרח", "ירד לו האסימון"]).find("כשהאסימון ירד לה היא שברה סוף סוף את הקרח".split())
        [(0, 2, 'ירד לו האסימון'), (4, 9, 'שבר את הקרח')]
        """
        places: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        letters = [hebrew.letters(word) for word in words]
        for position, (before, word) in enumerate(pairwise(["", *letters])):
            for (idiom, part), cost in self._candidates(word, before if before in hebrew.CONTRACTED else ""):
                places[idiom][part].append((position, cost))
        complete = [(idiom, parts) for idiom, parts in places.items() if len(parts) == self._sizes[idiom]]
        matches = [(*match, idiom) for idiom, parts in complete for match in _align(parts, letters)]
        spans: list[Span] = []
        for _, _, first, end, idiom in sorted(matches):
            if all(end <= other[0] or other[1] <= first for other in spans):
                spans.append((first, end, self._idioms[idiom]))
        return sorted(spans)

    def _find_candidates(self, word: str, before: str) -> list[tuple[Slot, int]]:
        best: dict[Slot, int] = {}
        for key, cut in hebrew.word_keys(word, before).items():
            for slot, cost in self._slots.get(key, ()):
                best[slot] = min(cut + cost, best.get(slot, cut + cost))
        return list(best.items())


def _align(places: Places, words: Sequence[str]) -> Iterator[Match]:
    """Yields every choice of one word per part whose cost is within the limit."""
    parts = sorted(places)
    yield from _in_order([places[part] for part in parts], words, 0)
    if len(parts) > 1:
        yield from _in_order([places[part] for part in [*parts[1:], parts[0]]], words, FRONTED)


def _in_order(parts: Sequence[Sequence[tuple[int, int]]], words: Sequence[str], cost: int) -> Iterator[Match]:
    partial = [(cost + word_cost, position, position + 1) for position, word_cost in parts[0]]
    for part in parts[1:]:
        partial = [
            (total, first, position + 1)
            for before, first, end in partial
            for position, word_cost in part
            if end <= position < end + REACH and (total := before + word_cost + _between(words[end:position])) <= LIMIT
        ]
    return ((total, end - first, first, end) for total, first, end in partial if total <= LIMIT)


def _between(words: Sequence[str]) -> int:
    """Returns the cost of the words between two parts."""
    others = [position for position, word in enumerate(words) if not hebrew.is_function_word(word)]
    barred = any(not any(map(str.isalnum, words[position])) or "את" in words[:position] for position in others)
    return LIMIT + 1 if barred else OTHER_WORD * len(others)  # barred: the clause ends, or the verb has another object

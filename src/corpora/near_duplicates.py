"""Pairs of texts that are nearly the same, among any number of rows: all of them, and exactly how similar they are.

Texts are read one at a time. What is held of a row does not grow with its text, but for the hashes of those of its
rarest n-grams that stand in other rows too.
"""

import math
from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from src.core.records import Example
from src.corpora.rows import Entry, letters

NEAR = 0.8  # Jaccard similarity of character 5-grams from which two texts count as near-duplicates
GRAM = 5
BUCKETS = 22  # bits of a hash by which n-grams are counted: 16 MiB of counts
SKETCH = 512  # bits that stand for the n-grams of a row; of texts of thousands of characters, nearly all are set
BLOCK = 2**16  # postings that are joined at once
LOW = np.uint64(2**32 - 1)
HIGH = ~LOW

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]


def near_duplicates(rows: Sequence[Entry]) -> list[tuple[str, str, float]]:
    """Finds the pairs of texts whose character 5-grams have a Jaccard similarity of at least 0.8.

    Two pairs of texts are as similar as the less similar of their sides: two questions on one paragraph are no
    near-duplicates.

    Returns:
        (id, id, similarity) of each pair, most similar first.

    Source: prefix filtering, Bayardo et al. 2007, Scaling Up All Pairs Similarity Search: two sets that are so similar
    share one of their rarest n-grams, so only those are indexed. Where both sides are so similar, their union is.
    """
    postings, sketches, sizes = _index(rows)
    candidates: set[tuple[int, int]] = set()
    for one, other in _sharing(postings):
        likely = _may_be_near(sketches[one], sketches[other], sizes[one] + sizes[other])
        candidates.update(zip(one[likely].tolist(), other[likely].tolist(), strict=True))
    pairs = []
    for first, second in sorted(candidates):
        similarity = _similarity(letters(rows[first].example), letters(rows[second].example))
        if similarity >= NEAR:
            pairs.append((rows[first].id, rows[second].id, round(similarity, 4)))
    return sorted(pairs, key=lambda pair: (-pair[2], pair))


def _index(rows: Sequence[Entry]) -> tuple[Hashes, NDArray[np.uint8], Numbers]:
    """Indexes the rarest n-grams of rows.

    An n-gram is as rare as all of its bucket together are: any order that is the same in all rows finds all pairs. One
    whose bucket is in no other row can be left out.

    Returns:
        Postings, sorted: half a hash of an n-gram in the upper bits, the number of a row that has it in the lower.
        Sketches (rows, SKETCH / 8), in bytes; a bit is set where one of the n-grams falls on it.
        Numbers of n-grams (rows).
    """
    frequency = np.zeros(2**BUCKETS, np.uint32)
    for row in rows:
        frequency[_buckets(_hashes(row.example))] += 1
    postings = array("Q")
    sketches = np.zeros((len(rows), SKETCH // 8), np.uint8)
    sizes = np.zeros(len(rows), np.int64)
    for number, row in enumerate(rows):
        hashes = _hashes(row.example)
        found = frequency[_buckets(hashes)]
        prefix = np.lexsort((hashes, found))[: len(hashes) - math.ceil(NEAR * len(hashes)) + 1]
        shared = hashes[prefix[found[prefix] > 1]]
        postings.frombytes((shared & HIGH | np.uint64(number)).tobytes())
        bits = np.zeros(SKETCH, np.bool_)
        bits[hashes % np.uint64(SKETCH)] = True
        sketches[number] = np.packbits(bits)
        sizes[number] = len(hashes)
    ordered = np.frombuffer(postings, np.uint64)
    ordered.sort()
    return ordered, sketches, sizes


def _buckets(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - BUCKETS)


def _sharing(postings: Hashes) -> Iterator[tuple[Numbers, Numbers]]:
    """Yields pairs of rows, the earlier one first, that have a posting in common; a pair may come several times."""
    grams, rows = (postings & HIGH), (postings & LOW).astype(np.int64)
    for start in range(0, len(postings), BLOCK):
        first = np.arange(start, min(start + BLOCK, len(postings)))
        distance = 0
        while len(first):
            distance += 1
            first = first[first + distance < len(postings)]
            first = first[grams[first] == grams[first + distance]]
            yield rows[first], rows[first + distance]


def _may_be_near(one: NDArray[np.uint8], other: NDArray[np.uint8], sizes: Numbers) -> NDArray[np.bool_]:
    """Says which pairs cannot be told apart by their sketches, given the sizes of both sets together.

    Source: bitmap filter, Sandes et al. 2020, Bitmap Filter: Speeding up Exact Set Similarity Joins with Bitwise
    Operations: the sketches of two sets differ in no more bits than the sets do in elements.
    """
    differing = np.bitwise_count(one.view(np.uint64) ^ other.view(np.uint64)).sum(axis=1, dtype=np.int64)
    return differing <= (1 - NEAR) / (1 + NEAR) * sizes + 1e-6


def _hashes(example: Example) -> Hashes:
    """The hashes of the n-grams of both sides, sorted, each once; a side of fewer characters is one n-gram."""
    found = []
    for side, text in enumerate(letters(example)):
        codes = np.frombuffer(text.ljust(GRAM, "\0").encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        mixed = np.full(len(codes) - GRAM + 1, side << 32, np.uint64)  # where no character has a bit
        for i in range(GRAM):
            mixed = (mixed ^ codes[i : len(codes) - GRAM + 1 + i]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        found.append(mixed)
    return np.unique(np.concatenate(found))


def _similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """The similarity of the less similar sides, where that is near; a text and a pair are not similar."""
    lowest = 1.0 if len(one) == len(other) else 0.0
    for a, b in zip(one, other, strict=False):
        if lowest >= NEAR and a != b:
            first, second = _grams(a), _grams(b)
            lowest = min(lowest, len(first & second) / len(first | second))
    return lowest


def _grams(text: str) -> set[str]:
    return {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))}

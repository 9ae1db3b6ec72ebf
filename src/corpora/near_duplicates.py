"""Finds all near-duplicate texts among any number of rows, with their exact similarity.

Texts are read one at a time. The memory per row does not depend on the length of its text, except for the hashes of
its rarest n-grams that also occur in other rows.
"""

import math
from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from src.core.records import Example
from src.corpora.rows import Entry, letters

NEAR = 0.8  # two texts with at least this Jaccard similarity of character 5-grams are near-duplicates
GRAM = 5
BUCKETS = 22  # n-grams are counted by this many bits of their hash: 16 MiB of counts
SKETCH = 512  # bits that represent the n-grams of a row; texts of thousands of characters set nearly all bits
BLOCK = 2**16  # number of postings that are joined at once
LOW = np.uint64(2**32 - 1)
HIGH = ~LOW

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]


def near_duplicates(rows: Sequence[Entry]) -> list[tuple[str, str, float]]:
    """Finds the pairs of texts whose character 5-grams have a Jaccard similarity of at least 0.8.

    The similarity of two pairs is that of the less similar side: two questions on one paragraph are not
    near-duplicates.

    Returns:
        (id, id, similarity) of each pair, most similar first.

    Source: prefix filtering, Bayardo et al. 2007, Scaling Up All Pairs Similarity Search: two sets of this similarity
    share one of their rarest n-grams, so only these are indexed. If both sides are similar, their unions are too.
    """
    postings, sketches, sizes = _index(rows)
    candidates: set[tuple[int, int]] = set()
    for rows_a, rows_b in _sharing(postings):
        likely = _may_be_near(sketches[rows_a], sketches[rows_b], sizes[rows_a] + sizes[rows_b])
        candidates.update(zip(rows_a[likely].tolist(), rows_b[likely].tolist(), strict=True))
    pairs = []
    for first, second in sorted(candidates):
        similarity = _similarity(letters(rows[first].example), letters(rows[second].example))
        if similarity >= NEAR:
            pairs.append((rows[first].id, rows[second].id, round(similarity, 4)))
    return sorted(pairs, key=lambda pair: (-pair[2], pair))


def _index(rows: Sequence[Entry]) -> tuple[Hashes, NDArray[np.uint8], Numbers]:
    """Indexes the rarest n-grams of rows.

    The rarity of an n-gram is the count of its bucket. Any order finds all pairs, if it is the same in all rows. An
    n-gram whose bucket is in no other row is left out.

    Returns:
        Postings, sorted: the upper bits are half of the hash of an n-gram, the lower bits the number of its row.
        Sketches (rows, SKETCH / 8), in bytes; the hash of each n-gram sets one bit.
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
        rarity = frequency[_buckets(hashes)]
        prefix = np.lexsort((hashes, rarity))[: len(hashes) - math.ceil(NEAR * len(hashes)) + 1]
        shared = hashes[prefix[rarity[prefix] > 1]]
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
    """Yields pairs of rows that share an n-gram, the earlier row first; a pair may occur several times."""
    grams, rows = (postings & HIGH), (postings & LOW).astype(np.int64)
    for start in range(0, len(postings), BLOCK):
        first = np.arange(start, min(start + BLOCK, len(postings)))
        distance = 0
        while len(first):
            distance += 1
            first = first[first + distance < len(postings)]
            first = first[grams[first] == grams[first + distance]]
            yield rows[first], rows[first + distance]


def _may_be_near(first: NDArray[np.uint8], second: NDArray[np.uint8], sizes: Numbers) -> NDArray[np.bool_]:
    """Returns which pairs may be similar according to their sketches, given the sums of their sizes.

    Source: bitmap filter, Sandes et al. 2020, Bitmap Filter: Speeding up Exact Set Similarity Joins with Bitwise
    Operations: the sketches of two sets differ in no more bits than the sets do in elements.
    """
    differing = np.bitwise_count(first.view(np.uint64) ^ second.view(np.uint64)).sum(axis=1, dtype=np.int64)
    return differing <= (1 - NEAR) / (1 + NEAR) * sizes + 1e-6


def _hashes(example: Example) -> Hashes:
    """The distinct hashes of the n-grams of both sides, sorted; a side shorter than an n-gram is one n-gram."""
    hashes_of_sides = []
    for side, text in enumerate(letters(example)):
        codes = np.frombuffer(text.ljust(GRAM, "\0").encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        mixed = np.full(len(codes) - GRAM + 1, side << 32, np.uint64)  # in bits that no character uses
        for i in range(GRAM):
            mixed = (mixed ^ codes[i : len(codes) - GRAM + 1 + i]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        hashes_of_sides.append(mixed)
    return np.unique(np.concatenate(hashes_of_sides))


def _similarity(texts_a: Sequence[str], texts_b: Sequence[str]) -> float:
    """The similarity of the less similar side, exact if at least NEAR; a text and a pair are not similar."""
    lowest = 1.0 if len(texts_a) == len(texts_b) else 0.0
    for a, b in zip(texts_a, texts_b, strict=False):
        if lowest >= NEAR and a != b:
            first, second = _grams(a), _grams(b)
            lowest = min(lowest, len(first & second) / len(first | second))
    return lowest


def _grams(text: str) -> set[str]:
    return {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))}

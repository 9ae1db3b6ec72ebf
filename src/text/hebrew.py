"""Stems of Hebrew words and function words.

There is no dictionary. A word has several stems: one for each way to remove prefixes and suffixes. Two words may be
forms of the same word if they share a stem. The cost of a stem is the number of removed consonants, so that a more
probable match has a lower cost.
"""

import re
from dataclasses import dataclass

FINAL_LETTERS = str.maketrans("ךםןףץ", "כמנפצ")
POINTS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")  # vowels and accents, without the maqaf

# Prefixes of any word: and; that, when, from that | in, as, to, from | the.
CLAUSE = "(?P<clause>ו?(?:ש|כש|לכש|מש)?)"
CASE = "(?:[בכלמ]|בל|מל|של)?ה?"
PRONOUNS = "י|יי|כ|יכ|ייכ|ו|יו|ה|יה|נו|ינו|כמ|כנ|יכמ|יכנ|המ|הנ|יהמ|יהנ|מ|נ"


@dataclass(frozen=True)
class Affixes:
    """Patterns that match a complete prefix and a complete suffix."""

    prefix: re.Pattern[str]
    suffix: re.Pattern[str]


VERB = Affixes(  # persons of the future, participles, nif'al and hitpa'el | persons, genders, numbers, verbal nouns
    re.compile(f"{CLAUSE}{CASE}(?:[אתימ]|[אתימ]?ה?נ|[אתימהנ]ת)?"),
    re.compile("(?:ת|תי|תה|תו|תמ|תנ|נו|נה|ימ|ות)?"),
)
NOUN = Affixes(re.compile(CLAUSE + CASE), re.compile(f"(?:ימ|יימ|תיימ)?|(?:ות|ת)?(?:{PRONOUNS})?"))
# Citation forms: a verb in the past, a noun in the singular or plural. An initial nun may be of nif'al or of the root.
CITED_VERB = Affixes(re.compile("(?P<clause>)(?:ה?נ|הת)?"), re.compile(""))
CITED_NOUN = Affixes(re.compile("(?P<clause>)ה?"), re.compile("(?:ימ|יימ|ות|תיימ)?"))

Key = tuple[str, str]  # (verb | noun | function, stem of the word or complete function word)

BE: Key = ("verb", "היה")  # its stem has no strong consonant
TO_BE = re.compile(f"{CLAUSE}{CASE}[אתינ]?הי(?:ה|ו|י|ית|יתי|ית[מנ]|ינו|ות|תה|יתה)")
IRREGULAR = {"נתנ": ("תנ", "תת", "נת"), "לקח": ("קח",)}  # to give, to take: their stems lose letters

# Function words. A form with a pronoun may also be a verb ("on her" or "he rose"): it gets the keys of both.
INVARIANT = (
    "אני אתה אנחנו אתם אתן הוא היא הם הן זה זאת זו את אל אצל בין בלי בתוך כמו ליד לפני אחרי מאחורי מול מן מתוך מתחת "
    "תחת נגד כנגד עד על עם של כל הכל הכול לכל בכל מכל כמה שני שתי אבל או אז אם אך אין יש גם כבר כדי כי כך כן לא לכן "
    "עוד רק כולו כולה כולנו כולם כולן"
)
INFLECTED = "אות|את|אל|אצל|ב|בינ|בשביל|ל|לפנ|בפנ|מאחור|אחר|ממ|ממנ|על|עמ|אית|של"
PARTICLE = re.compile(f"ו?(?:כ?ש)?(?P<bare>{'|'.join(INVARIANT.translate(FINAL_LETTERS).split())})")
PRONOMINAL = re.compile(f"ו?(?:כ?ש)?(?:{INFLECTED})(?:{PRONOUNS})")
CONTRACTED = {"מנ": "מ", "מתוכ": "מ", "בתוכ": "ב", "אל": "ל"}  # {preposition: its one-letter form}


def letters(word: str) -> str:
    """Returns a word without vowel points and with final letters replaced by regular ones.

    >>> letters("לֵב"), letters("עצמם")
    ('לב', 'עצממ')
    """
    return POINTS.sub("", word).translate(FINAL_LETTERS)


def is_function_word(word: str) -> bool:
    """Says whether a word, as `letters` returns it, may be a pronoun, preposition or particle.

    >>> is_function_word("ואותמ"), is_function_word(letters("בין")), is_function_word(letters("סגרתם"))
    (True, True, False)
    """
    return PARTICLE.fullmatch(word) is not None or PRONOMINAL.fullmatch(word) is not None


def idiom_keys(idiom: str) -> list[dict[Key, int]]:
    """Returns {key: cost} for each required word of a canonical idiom.

    The accusative particle and pronouns are optional. The first word is treated as a verb.

    >>> idiom_keys("ירד לו האסימון")
    [{('verb', 'רד'): 0}, {('noun', 'אסמנ'): 0}]
    """
    first, *others = map(letters, idiom.split())
    return [
        _first_keys(first),
        *(_other_keys(word) for word in others if word != "את" and not PRONOMINAL.fullmatch(word)),
    ]


def _first_keys(word: str) -> dict[Key, int]:
    if PARTICLE.fullmatch(word):
        return {("function", word): 0}
    if TO_BE.fullmatch(word):
        return {BE: 0}
    return _keys("verb", word, CITED_VERB) | {("verb", stem): 1 for stem in IRREGULAR.get(word, ())}


def _other_keys(word: str) -> dict[Key, int]:
    return {("function", word): 0} if PARTICLE.fullmatch(word) else _keys("noun", word, CITED_NOUN)


def word_keys(word: str, before: str = "") -> dict[Key, int]:
    """Returns {key: cost} for a word of a sentence. Its part of speech is not known.

    Args:
        word: the word, as `letters` returns it.
        before: the previous word, so that "from the tree" (two words) also matches "from-the-tree" (one word).

    >>> word_keys("ולתת")["verb", "תת"], word_keys("שעל"), word_keys("העצ", "מנ")["noun", "מהעצ"]
    (1, {('function', 'שעל'): 0, ('function', 'על'): 0}, 0)
    """
    particle = PARTICLE.fullmatch(word)
    if particle:
        return {("function", word): 0, ("function", particle["bare"]): 0}
    keys = _keys("verb", word, VERB) | _keys("noun", word, NOUN)
    if before in CONTRACTED:
        for noun in (word, word.removeprefix("ה")):  # after in and to the article is not written
            keys = _keys("noun", CONTRACTED[before] + noun, NOUN) | keys
    return keys | {BE: 0} if TO_BE.fullmatch(word) else keys


def _keys(role: str, word: str, affixes: Affixes) -> dict[Key, int]:
    costs: dict[Key, int] = {}
    heads = {end: head for end in range(len(word)) if (head := affixes.prefix.fullmatch(word, 0, end))}
    tails = [start for start in range(1, len(word) + 1) if affixes.suffix.fullmatch(word, start)]
    for first, head in heads.items():
        for end in tails:
            stem = _stem(word[first:end] if word[end:] else word[first:].removesuffix("ה"))
            if stem:
                cost = _consonants(word[head.end("clause") : first] + word[end:])
                costs[role, stem] = min(cost, costs.get((role, stem), cost))
    return costs


def _stem(core: str) -> str:
    """Returns the letters that inflection and spelling do not change: without vav, yod and an initial he."""
    strong = re.sub("^ה|[וי]", "", core)
    # A stem of one letter is ambiguous, so an initial weak letter (hand, to shoot) is kept.
    return "י" + strong if len(strong) == 1 and core[0] in "וי" else strong


def _consonants(affixes: str) -> int:
    return sum(letter not in "הוי" for letter in affixes)

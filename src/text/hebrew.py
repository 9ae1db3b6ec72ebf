"""Hebrew words without their affixes: which words may be forms of one another, and which carry no content.

There is no dictionary. A word has several stems, one for each way to cut prefixes and suffixes off; two words may be
forms of one another when they share a stem. What is cut costs its consonants, so that the likelier pair is the cheaper.
"""

import re
from dataclasses import dataclass

FINAL_LETTERS = str.maketrans("ךםןףץ", "כמנפצ")
POINTS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")  # vowels and accents; the maqaf is none

# In front of any word: and; that, when, from that | in, as, to, from | the.
CLAUSE = "(?P<clause>ו?(?:ש|כש|לכש|מש)?)"
CASE = "(?:[בכלמ]|בל|מל|של)?ה?"
PRONOUNS = "י|יי|כ|יכ|ייכ|ו|יו|ה|יה|נו|ינו|כמ|כנ|יכמ|יכנ|המ|הנ|יהמ|יהנ|מ|נ"


@dataclass(frozen=True)
class Affixes:
    """What may be cut off a word, as patterns of the whole of a prefix and of a suffix."""

    prefix: re.Pattern[str]
    suffix: re.Pattern[str]


VERB = Affixes(  # persons of the future, participles, nif'al and hitpa'el | persons, genders, numbers, verbal nouns
    re.compile(f"{CLAUSE}{CASE}(?:[אתימ]|[אתימ]?ה?נ|[אתימהנ]ת)?"),
    re.compile("(?:ת|תי|תה|תו|תמ|תנ|נו|נה|ימ|ות)?"),
)
NOUN = Affixes(re.compile(CLAUSE + CASE), re.compile(f"(?:ימ|יימ|תיימ)?|(?:ות|ת)?(?:{PRONOUNS})?"))
# As dictionaries cite them: a verb in the past, a noun in the singular or plural. A first nun may be nif'al's or fall.
CITED_VERB = Affixes(re.compile("(?P<clause>)(?:ה?נ|הת)?"), re.compile(""))
CITED_NOUN = Affixes(re.compile("(?P<clause>)ה?"), re.compile("(?:ימ|יימ|ות|תיימ)?"))

Key = tuple[str, str]  # verb, noun or function; a stem of the word, or the whole of a function word

BE: Key = ("verb", "היה")  # no strong consonant is left of it
TO_BE = re.compile(f"{CLAUSE}{CASE}[אתינ]?הי(?:ה|ו|י|ית|יתי|ית[מנ]|ינו|ות|תה|יתה)")
IRREGULAR = {"נתנ": ("תנ", "תת", "נת"), "לקח": ("קח",)}  # to give and to take lose more than affixes

# Words without content. Those with a pronoun may look like a verb (on her, he rose), so that they are read as both.
INVARIANT = (
    "אני אתה אנחנו אתם אתן הוא היא הם הן זה זאת זו את אל אצל בין בלי בתוך כמו ליד לפני אחרי מאחורי מול מן מתוך מתחת "
    "תחת נגד כנגד עד על עם של כל הכל הכול לכל בכל מכל כמה שני שתי אבל או אז אם אך אין יש גם כבר כדי כי כך כן לא לכן "
    "עוד רק כולו כולה כולנו כולם כולן"
)
INFLECTED = "אות|את|אל|אצל|ב|בינ|בשביל|ל|לפנ|בפנ|מאחור|אחר|ממ|ממנ|על|עמ|אית|של"
PARTICLE = re.compile(f"ו?(?:כ?ש)?(?P<bare>{'|'.join(INVARIANT.translate(FINAL_LETTERS).split())})")
PRONOMINAL = re.compile(f"ו?(?:כ?ש)?(?:{INFLECTED})(?:{PRONOUNS})")
CONTRACTED = {"מנ": "מ", "מתוכ": "מ", "בתוכ": "ב", "אל": "ל"}  # a preposition: the letter that stands for it


def letters(word: str) -> str:
    """Returns a word without points, its final letters as any other.

    >>> letters("לֵב"), letters("עצמם")
    ('לב', 'עצממ')
    """
    return POINTS.sub("", word).translate(FINAL_LETTERS)


def is_function_word(word: str) -> bool:
    """Says whether a word, in `letters`, may be a pronoun, preposition or particle.

    >>> is_function_word("ואותמ"), is_function_word(letters("בין")), is_function_word(letters("סגרתם"))
    (True, True, False)
    """
    return PARTICLE.fullmatch(word) is not None or PRONOMINAL.fullmatch(word) is not None


def cited(idiom: str) -> list[dict[Key, int]]:
    """Returns {key: cost} for each word of a canonical idiom that its every form must have.

    The accusative particle and a pronoun come and go; the first word is taken for a verb.

    >>> cited("ירד לו האסימון")
    [{('verb', 'רד'): 0}, {('noun', 'אסמנ'): 0}]
    """
    first, *others = map(letters, idiom.split())
    return [
        _cited_first(first),
        *(_cited_other(word) for word in others if word != "את" and not PRONOMINAL.fullmatch(word)),
    ]


def _cited_first(word: str) -> dict[Key, int]:
    if PARTICLE.fullmatch(word):
        return {("function", word): 0}
    if TO_BE.fullmatch(word):
        return {BE: 0}
    return _keys("verb", word, CITED_VERB) | {("verb", stem): 1 for stem in IRREGULAR.get(word, ())}


def _cited_other(word: str) -> dict[Key, int]:
    return {("function", word): 0} if PARTICLE.fullmatch(word) else _keys("noun", word, CITED_NOUN)


def read(word: str, before: str = "") -> dict[Key, int]:
    """Returns {key: cost} for a word of a sentence, both in `letters`; its part of speech is not known.

    Args:
        before: the word in front of it; from the tree (two words) is read as from-the-tree (one).

    >>> read("ולתת")["verb", "תת"], read("שעל"), read("העצ", "מנ")["noun", "מהעצ"]
    (1, {('function', 'שעל'): 0, ('function', 'על'): 0}, 0)
    """
    particle = PARTICLE.fullmatch(word)
    if particle:
        return {("function", word): 0, ("function", particle["bare"]): 0}
    keys = _keys("verb", word, VERB) | _keys("noun", word, NOUN)
    if before in CONTRACTED:
        for noun in (word, word.removeprefix("ה")):  # in and to swallow the article
            keys = _keys("noun", CONTRACTED[before] + noun, NOUN) | keys
    return keys | {BE: 0} if TO_BE.fullmatch(word) else keys


def _keys(role: str, word: str, affixes: Affixes) -> dict[Key, int]:
    found: dict[Key, int] = {}
    heads = {end: head for end in range(len(word)) if (head := affixes.prefix.fullmatch(word, 0, end))}
    tails = [start for start in range(1, len(word) + 1) if affixes.suffix.fullmatch(word, start)]
    for first, head in heads.items():
        for end in tails:
            stem = _stem(word[first:end] if word[end:] else word[first:].removesuffix("ה"))
            if stem:
                cost = _consonants(word[head.end("clause") : first] + word[end:])
                found[role, stem] = min(cost, found.get((role, stem), cost))
    return found


def _stem(core: str) -> str:
    """Returns what inflection and spelling leave alone: vav and yod come and go, and so does a he in front."""
    strong = re.sub("^ה|[וי]", "", core)
    # One letter says too little: a weak one in front of it (hand, to shoot) belongs to it.
    return "י" + strong if len(strong) == 1 and core[0] in "וי" else strong


def _consonants(affixes: str) -> int:
    return sum(letter not in "הוי" for letter in affixes)

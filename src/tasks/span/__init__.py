"""Task `span`: one IOB2 tag per word. The first sub-word of a word represents the word."""

from collections.abc import Mapping
from types import MappingProxyType

from src.tasks import extents
from src.tasks.lexicon_use import LexiconUse
from src.tasks.prediction_row import PredictionRow
from src.tasks.span import baselines, decoding, labels, metrics, mistakes, model, row


class Span:
    """Combines the files of this folder. Satisfies the protocol Task."""

    name = row.NAME
    primary_metric = "span_f1"
    auto_class = "AutoModelForTokenClassification"
    pipeline = "token-classification"
    pooled = False
    labelled = True
    exclusive_labels = False
    windowed = False
    settings: Mapping[str, float] = MappingProxyType({})

    prediction_row: type[PredictionRow] = row.SpanRow
    has_target = staticmethod(row.has_target)
    problems = staticmethod(row.problems)

    label_set = staticmethod(labels.label_set)
    encode = staticmethod(labels.encode)
    labels = staticmethod(labels.labels)

    head = staticmethod(model.head)
    logits = staticmethod(model.logits)
    loss = staticmethod(model.loss)

    decode = staticmethod(decoding.decode)
    calibrate = staticmethod(decoding.calibrate)
    lexicon: LexiconUse | None = LexiconUse(decoding.most_frequent_kind, decoding.from_lexicon, decoding.LEXICON_RULES)

    score = staticmethod(metrics.score)
    tally = staticmethod(metrics.tally)
    primary = staticmethod(metrics.primary)
    confusion = staticmethod(metrics.confusion)

    baselines = staticmethod(baselines.baselines)

    right = mistakes.RIGHT
    category_groups = extents.GROUPS
    categories = staticmethod(mistakes.categories)
    target_length = staticmethod(mistakes.target_length)
    confidence = staticmethod(mistakes.confidence)
    spelled = staticmethod(mistakes.spelled)
    described = staticmethod(mistakes.described)
    marked = staticmethod(mistakes.marked)
    can_average = staticmethod(mistakes.can_average)
    vote = staticmethod(mistakes.vote)

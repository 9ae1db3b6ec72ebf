"""Task `topics`: any number of topics for a text. A task of the tests: it shows that a folder and a row are enough."""

from collections.abc import Mapping
from types import MappingProxyType

from src.tasks.lexicon_use import LexiconUse
from src.tasks.prediction_row import PredictionRow
from tests.tasks.topics import baselines, decoding, labels, metrics, mistakes, model, row


class Topics:
    """Combines the files of this folder. Satisfies the protocol Task."""

    name = row.NAME
    primary_metric = "topics_f1"
    auto_class = "AutoModelForSequenceClassification"
    pipeline = "text-classification"
    pooled = True
    labelled = False
    exclusive_labels = False
    windowed = False
    settings: Mapping[str, float] = MappingProxyType({})

    prediction_row: type[PredictionRow] = row.TopicsRow
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
    lexicon: LexiconUse | None = None

    score = staticmethod(metrics.score)
    tally = staticmethod(metrics.tally)
    primary = staticmethod(metrics.primary)
    confusion = staticmethod(metrics.confusion)

    baselines = staticmethod(baselines.baselines)

    right = mistakes.RIGHT
    category_groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    categories = staticmethod(mistakes.categories)
    target_length = staticmethod(mistakes.target_length)
    confidence = staticmethod(mistakes.confidence)
    spelled = staticmethod(mistakes.spelled)
    described = staticmethod(mistakes.described)
    marked = staticmethod(mistakes.marked)
    can_average = staticmethod(mistakes.can_average)
    vote = staticmethod(mistakes.vote)

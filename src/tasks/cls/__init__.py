"""Task `cls`: one label for a text or a pair of texts."""

from collections.abc import Mapping
from types import MappingProxyType

from src.tasks.cls import baselines, decoding, labels, metrics, mistakes, model, row
from src.tasks.lexicon_use import LexiconUse
from src.tasks.prediction_row import PredictionRow


class Cls:
    """Combines the files of this folder. Satisfies the protocol Task."""

    name = row.NAME
    primary_metric = "f1_macro"
    auto_class = "AutoModelForSequenceClassification"
    pipeline = "text-classification"
    pooled = True
    labelled = True
    exclusive_labels = True
    windowed = False
    settings: Mapping[str, float] = MappingProxyType({})

    prediction_row: type[PredictionRow] = row.ClsRow
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

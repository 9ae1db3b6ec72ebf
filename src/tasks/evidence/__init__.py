"""Task `evidence`: the span of a text that answers a question or supports a criterion, or no answer.

Source: windows, targets, loss and null score: Devlin et al. 2019 for SQuAD v2, as in run_qa of transformers.
"""

from collections.abc import Mapping
from types import MappingProxyType

from src.tasks import extents
from src.tasks.evidence import baselines, decoding, labels, metrics, mistakes, model, row
from src.tasks.lexicon_use import LexiconUse
from src.tasks.prediction_row import PredictionRow


class Evidence:
    """Combines the files of this folder. Satisfies the protocol Task.

    Settings: stride, the sub-words that neighbouring windows share; max_answer_length, in sub-words; null_threshold, by
    how much the score of no answer must exceed the score of the best answer.
    """

    name = row.NAME
    primary_metric = "evidence_f1"
    auto_class = "AutoModelForQuestionAnswering"
    pipeline = "question-answering"
    pooled = False
    labelled = False
    exclusive_labels = False
    windowed = True
    settings: Mapping[str, float] = MappingProxyType({"stride": 32, "max_answer_length": 30, "null_threshold": 0.0})

    prediction_row: type[PredictionRow] = row.EvidenceRow
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
    category_groups = extents.GROUPS
    categories = staticmethod(mistakes.categories)
    target_length = staticmethod(mistakes.target_length)
    confidence = staticmethod(mistakes.confidence)
    spelled = staticmethod(mistakes.spelled)
    described = staticmethod(mistakes.described)
    marked = staticmethod(mistakes.marked)
    can_average = staticmethod(mistakes.can_average)
    vote = staticmethod(mistakes.vote)

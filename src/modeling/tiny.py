"""The encoder `tiny`: a small BERT with random weights and a WordPiece tokenizer trained on the train split.

It needs no download and learns in seconds; it shows that the pipeline works and knows no language.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from src.records import Example

VOCABULARY = 4000
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def config(tokenizer: PreTrainedTokenizerBase) -> BertConfig:
    """Returns the shape of the encoder: 2 layers of width 256."""
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
    )


def tokenizer(examples: Sequence[Example]) -> PreTrainedTokenizerBase:
    """Trains the tokenizer on the texts of examples; the same texts give the same tokenizer."""
    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.NFC()
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    texts = [text for example in examples for text in (example.text, example.text_pair) if text]
    wordpiece.train_from_iterator(texts, trainer)
    wordpiece.post_processor = processors.BertProcessing(
        ("[SEP]", SPECIAL.index("[SEP]")), ("[CLS]", SPECIAL.index("[CLS]"))
    )  # special tokens come first in the vocabulary, in their order
    return PreTrainedTokenizerFast(
        tokenizer_object=wordpiece,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )

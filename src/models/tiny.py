"""The encoder `tiny`: a small BERT with random weights and a WordPiece tokenizer trained on the train split.

It needs no download and trains in seconds. It shows that the pipeline works, but is not pretrained.
"""

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from src.core.records import Example

VOCABULARY = 4000
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PRIVATE = 0xF0000  # first of 65,534 private code points, which texts do not use


def config(tokenizer: PreTrainedTokenizerBase) -> BertConfig:
    """Returns the configuration of the encoder: 2 layers of width 256."""
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
    """Trains the tokenizer on the texts of examples. The same texts give the same tokenizer."""
    texts = [text for example in examples for text in (example.text, example.text_pair) if text]
    normalizer, pre_tokenizer = normalizers.NFC(), pre_tokenizers.BertPreTokenizer()
    words = [word for text in texts for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))]
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *_sub_words(words)])}
    wordpiece = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    wordpiece.normalizer = normalizer
    wordpiece.pre_tokenizer = pre_tokenizer
    wordpiece.decoder = decoders.WordPiece()
    wordpiece.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=wordpiece,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _sub_words(words: Iterable[str]) -> list[str]:
    """Learns sub-words from words. A sub-word inside a word begins with `##`.

    WordPieceTrainer of tokenizers breaks ties differently in every process. BpeTrainer does not if it does not mark
    continuations itself. So during training, a private code point replaces each letter inside a word.
    """
    words = list(words)
    inside = {
        letter: chr(PRIVATE + i) for i, letter in enumerate(sorted({letter for word in words for letter in word}))
    }
    marked = (word[0] + "".join(inside[letter] for letter in word[1:]) for word in words)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    size = VOCABULARY - len(SPECIAL)
    bpe.train_from_iterator(marked, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    learnt = bpe.get_vocab()
    letter_of = {mark: letter for letter, mark in inside.items()}
    tokens = []
    for token in sorted(learnt, key=lambda token: learnt[token]):
        plain = "".join(letter_of.get(letter, letter) for letter in token)
        tokens.append(f"##{plain}" if token[0] in letter_of else plain)
    return tokens

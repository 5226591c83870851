"""A byte-level tokenizer with a few merges and the special tokens of ChatML: the words of the tiny checkpoints."""

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from transformers.convert_slow_tokenizer import bytes_to_unicode

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
MERGES = ["t h", "Ġ t", "i n", "e r", "Ġ a", "r e", "o n", "h e", "Ġt he", "a n", "o r", "Ġ l", "Ġl e", "in g", "u n"]
# Qwen2's expression, and the one of llama.cpp's "smollm": single digits, then GPT-2's.
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def vocabulary(merges: list[str]) -> list[str]:
    return [*bytes_to_unicode().values(), *("".join(merge.split()) for merge in merges)]


def byte_pairs() -> models.BPE:
    vocab = {token: i for i, token in enumerate(vocabulary(MERGES))}
    return models.BPE(vocab=vocab, merges=[tuple(merge.split()) for merge in MERGES])


def qwen() -> tokenizers.Tokenizer:
    """Special tokens last, as in Qwen2's files."""
    tokenizer = tokenizers.Tokenizer(byte_pairs())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def smollm() -> tokenizers.Tokenizer:
    """The same words, split as SmolLM2 splits."""
    tokenizer = tokenizers.Tokenizer(byte_pairs())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer

"""What is decoded where an answer goes on equals what the stream had said of it, at every cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("transformers", reason="comes with vLLM")

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerFast

from inference.resume import resume_point
from inference.vllm_engine.streamed import as_streamed

END = "[/INST]"
ANSWERS = ("Hello you", " Hello", "  two", "你好 🚀 é 👩‍🚀.", "🚀", "\n\nHello", "a" * 5)
PROMPTS = (f"Hi {END}", f"Hi 🚀{END}", f"Hi{END}\n", "Hi:", END)


def sentence_piece() -> Tokenizer:
    """As Llama 2's and Mistral's: ▁ for a space, bytes for what it doesn't know."""
    words = ["<unk>", *(f"<0x{one:02X}>" for one in range(256)), "▁", *"HeloyuaIi:tw.\n"]
    words += ["▁H", "el", "lo", "▁Hel", "▁Hello", "▁y", "ou"]
    merges = [("▁", "H"), ("e", "l"), ("l", "o"), ("▁H", "el"), ("▁Hel", "lo"), ("▁", "y")]
    vocabulary = {word: index for index, word in enumerate(words)}
    plain = Tokenizer(
        models.BPE(vocabulary, [*merges, ("o", "u")], byte_fallback=True, unk_token="<unk>")
    )
    plain.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    plain.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), _strip()]
    )
    return plain


def _strip() -> decoders.Strip:
    return decoders.Strip(" ", 1, 0)


def metaspace() -> Tokenizer:
    plain = sentence_piece()
    plain.normalizer = None
    plain.pre_tokenizer = pre_tokenizers.Metaspace()
    plain.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()]
    )
    return plain


def byte_level() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = Tokenizer(models.BPE({char: index for index, char in enumerate(alphabet)}, []))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    return plain


def stepped(tokenizer: Tokenizer, before: Sequence[int], ids: Sequence[int]) -> list[str]:
    """As vLLM does it: the text after none, one, two, … of `ids`."""
    stream = DecodeStream(ids=list(before), skip_special_tokens=True)
    texts = [""]
    for token in ids:
        texts.append(texts[-1] + (stream.step(tokenizer, token) or ""))
    return texts


@pytest.mark.parametrize("made", [sentence_piece, metaspace, byte_level])
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_at_every_cut_the_kept_text_is_what_was_streamed(made, prompt: str, answer: str) -> None:
    plain = made()
    plain.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain)
    before = tokenizer.encode(prompt, add_special_tokens=False)
    ids = tokenizer.encode(answer, add_special_tokens=False)
    said = stepped(plain, before, ids)
    decode = as_streamed(tokenizer, before)
    assert said[-1].strip() == answer.strip()
    for cut in range(len(ids) + 1):
        kept = resume_point(ids[:cut], decode)
        assert kept.text == said[len(kept.token_ids)]
        rest = stepped(plain, [*before, *kept.token_ids], ids[len(kept.token_ids) :])
        assert kept.text + rest[-1] == said[-1]


def test_a_first_word_keeps_the_space_that_the_stream_said() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=sentence_piece())
    hello = tokenizer.convert_tokens_to_ids(["▁Hello"])
    before = tokenizer.convert_tokens_to_ids(["▁H", "i", ":"])
    assert as_streamed(tokenizer, before)(hello) == " Hello"
    assert as_streamed(tokenizer, ())(hello) == "Hello"

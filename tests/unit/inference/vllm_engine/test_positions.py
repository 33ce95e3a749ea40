from __future__ import annotations

import pickle
from types import SimpleNamespace

from inference.vllm_engine.positions import served_positions


def test_a_llama_4_has_no_more_positions_than_are_served():
    cut = served_positions(65_536)
    text = SimpleNamespace(model_type="llama4_text", max_position_embeddings=10_485_760)
    assert cut(text).max_position_embeddings == 65_536
    both = SimpleNamespace(
        model_type="llama4",
        text_config=SimpleNamespace(model_type="llama4_text", max_position_embeddings=10_485_760),
    )
    assert cut(both).text_config.max_position_embeddings == 65_536


def test_a_model_keeps_what_it_has_where_that_is_less_or_where_it_is_another():
    cut = served_positions(65_536)
    short = SimpleNamespace(model_type="llama4_text", max_position_embeddings=8192)
    assert cut(short).max_position_embeddings == 8192
    other = SimpleNamespace(model_type="llama", max_position_embeddings=131_072)
    assert cut(other).max_position_embeddings == 131_072


def test_it_can_be_sent_to_another_process():
    text = SimpleNamespace(model_type="llama4_text", max_position_embeddings=9)
    assert pickle.loads(pickle.dumps(served_positions(4)))(text).max_position_embeddings == 4

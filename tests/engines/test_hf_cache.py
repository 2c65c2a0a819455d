"""A cache with room for what is to come computes what transformers' own computes, and copies nothing."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    DynamicLayer,
    Gemma3TextConfig,
    GenerationConfig,
    Qwen3Config,
)

from koalign.engines.hf_cache import RoomyLayer, for_samples

pytestmark = pytest.mark.slow

SIZES = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip
CONFIGS = {
    "every layer sees all": Qwen3Config(**SIZES),
    "some slide": Gemma3TextConfig(**SIZES, sliding_window=4, sliding_window_pattern=2),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_samples_of_a_shared_prompt_are_written_as_in_transformers_own_cache(config):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.randint(1, 64, (3, 9))
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    found = []
    for own in (False, True):
        with torch.no_grad():
            read = model(input_ids=ids[:, :-1], attention_mask=mask[:, :-1], use_cache=True)
            cache = read.past_key_values
            if own:
                cache.batch_repeat_interleave(2)
            else:
                for_samples(cache, 2, 12)
            assert own != any(type(layer) is RoomyLayer for layer in cache.layers)
            settings = GenerationConfig(
                do_sample=False, max_new_tokens=12, pad_token_id=0, eos_token_id=None,
                output_logits=True, return_dict_in_generate=True,
            )  # fmt: skip
            found.append(
                model.generate(
                    input_ids=ids.repeat_interleave(2, dim=0),
                    attention_mask=mask.repeat_interleave(2, dim=0),
                    past_key_values=cache,
                    generation_config=settings,
                )
            )
    assert torch.equal(found[0].sequences, found[1].sequences)
    assert found[0].sequences.shape == (6, 21)
    for one, other in zip(found[0].logits, found[1].logits, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def filled() -> DynamicLayer:
    layer = DynamicLayer()
    layer.update(torch.randn(2, 1, 5, 4), torch.randn(2, 1, 5, 4))
    return layer


def test_a_token_is_written_into_its_place_and_nothing_before_it_moves():
    layer = filled()
    roomy = RoomyLayer(layer, 3, 2)
    assert torch.equal(roomy.keys, layer.keys.repeat_interleave(3, dim=0))
    place = roomy.keys.data_ptr()
    key, value = torch.randn(6, 1, 1, 4), torch.randn(6, 1, 1, 4)
    keys, values = roomy.update(key, value)
    assert keys.data_ptr() == place and roomy.get_seq_length() == 6
    assert torch.equal(keys[..., 5:, :], key) and torch.equal(values[..., 5:, :], value)
    assert torch.equal(values[..., :5, :], layer.values.repeat_interleave(3, dim=0))


def test_more_tokens_than_there_is_room_for_are_refused():
    roomy = RoomyLayer(filled(), 1, 1)
    with pytest.raises(RuntimeError):
        roomy.update(torch.randn(2, 1, 2, 4), torch.randn(2, 1, 2, 4))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_layers_that_hold_nothing_yet_are_left_to_transformers(config):
    cache = DynamicCache(config=config)
    for_samples(cache, 2, 3)
    assert len(cache.layers) == 3 and cache.get_seq_length() == 0

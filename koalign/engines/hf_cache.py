"""hf_cache: the KV cache of prompts -> the cache of their samples, allocated for max_tokens more."""

from __future__ import annotations

import torch
from transformers import Cache, DynamicLayer
from transformers.cache_utils import CacheLayerMixin, LinearAttentionLayer


class RoomyLayer(DynamicLayer):
    """Each row of a layer `repeats` times, allocated for `more` further tokens.

    Keys and values (rows, heads, length, d) are views of the filled part. transformers' own layer copies
    the whole cache for every token (`torch.cat` in `DynamicLayer.update`).
    """

    def __init__(self, layer: DynamicLayer, repeats: int, more: int) -> None:
        super().__init__()
        self.lazy_initialization(layer.keys, layer.values)
        length = layer.get_seq_length()
        self._all_keys = _with_room(layer.keys, repeats, more)
        self._all_values = _with_room(layer.values, repeats, more)
        self._fill(length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the states of the next tokens; raises RuntimeError where there is no room for them."""
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        self._all_keys[..., start:end, :] = key_states
        self._all_values[..., start:end, :] = value_states
        self._fill(end)
        return self.keys, self.values

    def _fill(self, length: int) -> None:
        self.keys = self._all_keys[..., :length, :]
        self.values = self._all_values[..., :length, :]


def for_samples(cache: Cache, n: int, more: int) -> None:
    """Make each row of a prefilled cache `n` rows that go on for up to `more` tokens each, in place.

    Other kinds of layers, such as sliding windows, stay as transformers has them.
    """
    for number, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer and layer.is_initialized:
            cache.layers[number] = RoomyLayer(layer, n, more)
            continue
        if isinstance(layer, LinearAttentionLayer):  # transformers has no repeat for its states
            for states in (layer.conv_states, layer.recurrent_states):
                for place, state in states.items():
                    states[place] = None if state is None else state.repeat_interleave(n, dim=0)
        if isinstance(layer, CacheLayerMixin):
            layer.batch_repeat_interleave(n)


def _with_room(states: torch.Tensor, repeats: int, more: int) -> torch.Tensor:
    rows, heads, length, size = states.shape
    room = states.new_empty(rows, repeats, heads, length + more, size)
    room[..., :length, :] = states[:, None]
    return room.flatten(0, 1)

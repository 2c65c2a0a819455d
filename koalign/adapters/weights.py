"""weights: safetensors files -> opened, or refused: broken, incomplete, not finite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from koalign.hashing import hash_path, remembered
from koalign.jsonl import read_small
from koalign.locking import refuse_pipe
from koalign.records import KoalignError
from koalign.text.visible import shown, warn

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SMALL_FILES = ("*.json", "*.jinja", "*.model")
ADAPTER_AGAIN = "take the adapter from its source again"
BASE_AGAIN = "download the model again"
_POINTER = b"version https://git-lfs"


def refuse_broken_base(folder: Path) -> None:
    """Raises KoalignError for a base with a broken JSON file, a missing or broken shard, or NaN.

    A matrix of zeros is said: a download that was cut off may leave a file of its full length.
    """
    for path in folder.iterdir():
        refuse_pipe(path)
    for path in sorted(path for pattern in SMALL_FILES for path in folder.glob(pattern)):
        _refuse_pointer(path)
        if path.suffix == ".json":
            _read_json(path)
    for shard in _shards(folder):
        if not shard.exists():
            raise KoalignError(
                f"{shard}: is not there, and {INDEX} names it; download it into this folder"
            )
        for name in refuse_infinite(shard, BASE_AGAIN)[:1]:
            warn(f"{shard}: {name} holds only zeros; if that is not meant, {BASE_AGAIN}", once=True)
        hash_path(shard)  # remembered for the weight hash, while the shard is in memory


@contextmanager
def readable(place: Path) -> Iterator[None]:
    """Raises KoalignError for whatever a library meets in the files of a base."""
    try:
        yield
    except (KoalignError, MemoryError):
        raise
    except Exception as error:  # tokenizers raises no narrower one
        reason = shown(" ".join(str(error).split()))[:300]
        remedy = BASE_AGAIN
        if "trust_remote_code" in reason:
            remedy = "set model.trust_remote_code: true if you trust the code that comes with it"
        elif isinstance(error, ImportError) or "does not recognize this architecture" in reason:
            remedy = "install or update what it names"
        raise KoalignError(
            f"model.path: {place}: cannot be read ({type(error).__name__}: {reason}); {remedy}"
        ) from None


def refuse_infinite(path: Path, remedy: str) -> list[str]:
    """The matrices of a safetensors file that hold only zeros.

    Raises KoalignError that names the first tensor with NaN or infinity.
    """
    return remembered(path, "zeros", lambda: "\n".join(_refuse_infinite(path, remedy))).splitlines()


def _refuse_infinite(path: Path, remedy: str) -> list[str]:
    import torch

    zeros = []
    with open_weights(path, remedy, "pt") as file:
        for name in file.keys():  # noqa: SIM118  (not a dict)
            tensor = file.get_tensor(name)
            if not tensor.is_floating_point():
                continue
            if tensor.dtype.itemsize == 1:  # float8 has no sum
                tensor = tensor.float()
            # A sum is one pass over the memory; it may overflow where no number is infinite.
            total = tensor.sum(dtype=torch.float32)
            if not total.isfinite() and not tensor.isfinite().all():
                raise KoalignError(f"{path}: {name} holds NaN or infinity; {remedy}")
            if tensor.dim() > 1 and total == 0 and not tensor.any():
                zeros.append(name)
    return zeros


@contextmanager
def open_weights(path: Path, remedy: str, framework: Literal["np", "pt"] = "np") -> Iterator[Any]:
    """A safetensors file; raises KoalignError with the remedy where it cannot be read."""
    _refuse_pointer(path)
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise KoalignError(f"{path}: cannot be read ({error}); {remedy}") from None


def _shards(folder: Path) -> list[Path]:
    """The files that transformers loads."""
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    if not (folder / INDEX).exists():
        raise KoalignError(f"{folder}: holds neither {SINGLE} nor {INDEX}; {BASE_AGAIN}")
    index = _read_json(folder / INDEX)
    for key in ("metadata", "weight_map"):
        if not isinstance(index, dict) or not isinstance(index.get(key), dict):
            raise KoalignError(f"{folder / INDEX}: has no {key}; {BASE_AGAIN}")
    names = index["weight_map"]
    if not names or not all(isinstance(name, str) for name in names.values()):
        raise KoalignError(f"{folder / INDEX}: its weight_map names no files; {BASE_AGAIN}")
    shards = sorted(set(names.values()))
    if elsewhere := [name for name in shards if Path(name).name != name]:
        raise KoalignError(
            f"{folder / INDEX}: names {elsewhere[0]!r}, outside its folder; {BASE_AGAIN}"
        )
    return [folder / name for name in shards]


def _refuse_pointer(path: Path) -> None:
    refuse_pipe(path)
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise KoalignError(
                f"{path}: is a Git-LFS pointer, not the file; run `git lfs pull` in {path.parent}"
            )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_small(path))
    except (ValueError, RecursionError) as error:
        raise KoalignError(f"{path}: is not JSON ({error}); {BASE_AGAIN}") from None

"""Tensors with a note, as one safetensors file whose every byte is checked when it is read."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

_NOTE, _DIGEST = "note", "sha256"


def pack(tensors: dict[str, Tensor], note: Any = None) -> bytes:
    """Make the bytes of a safetensors file from tensors and a note, any JSON value; alike ones give the same bytes."""
    # Copies: safetensors refuses tensors that share memory or are not contiguous.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    text = json.dumps(note, allow_nan=False, sort_keys=True)
    return _ordered(safetensors.torch.save(copies, {_NOTE: text, _DIGEST: _digest(text, copies)}))


def unpack(data: bytes) -> tuple[dict[str, Tensor], Any]:
    """Read what `pack` made; tensors own their memory.

    Raises:
        ValueError: when any byte is not as it was written.
    """
    try:
        tensors = {name: tensor.clone() for name, tensor in safetensors.torch.load(data).items()}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        text, digest = header["__metadata__"][_NOTE], header["__metadata__"][_DIGEST]
        if digest != _digest(text, tensors):
            raise ValueError("its checksum does not match")
        return tensors, json.loads(text)
    except (safetensors.SafetensorError, KeyError, TypeError, RecursionError, RuntimeError, MemoryError) as error:
        raise ValueError(f"not a whole safetensors file: {error}") from None


def _ordered(data: bytes) -> bytes:
    """The same file with the names of its header in order; safetensors writes its notes as a hash table has them."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _digest(note: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(note.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

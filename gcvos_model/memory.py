"""ObjectMemory: all that is remembered of one object, of constant size, and its packed form."""

import hashlib
import struct
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gcvos_model.errors import StateError

MASK_SIDE = 120  # the previous mask is kept as 120 x 120 bytes, whatever the image's size

_MAGIC = b"GCVOS"
_VERSION = 2
# magic, version, has annotated context, C_N, C_M, frames, annotated frames, image height, image width, model digest
_HEADER = struct.Struct("<5sBBHHIIII32s")
_CHECKSUM = 16  # bytes of the SHA-256 over everything before them


@dataclass(frozen=True)
class ObjectMemory:
    """What one object's segmentation on the next frame depends on; a new one replaces it at every frame.

    Everything here is kept in the form in which it is packed, so a round trip through bytes changes nothing.
    """

    context: Tensor  # (C_N, C_M) float32: G of equation 2 (with STM's memory: its growing list of positions)
    frames: int  # t of equation 2: how many frames the context stands for
    annotated: (
        Tensor | None
    )  # (C_N, C_M) float16, since it hardly ever changes: the mean context of the annotated frames
    annotated_frames: int
    mask: Tensor  # (120, 120) uint8: 255 times the soft mask on the last frame; of a lost object the last one, fading
    size: tuple[int, int]  # (H, W) of the last frame
    digest: str  # of the model, 64 hex digits

    def to_bytes(self, *, corrections: bool = True) -> bytes:
        """Pack the memory.

        Args:
            corrections: keep the context of the annotated frames. A model that reads it (gcvos-lite) needs it; else
                only a later correction does, and without it would restart from its own frame alone.

        Returns:
            Little-endian bytes whose number depends on the model and on `corrections` only.

        Raises:
            StateError: the memory is STM's, which grows with the video.
        """
        if self.mask.shape != (MASK_SIDE, MASK_SIDE) or self.context.dim() != 2:
            raise StateError("only memories of constant size can be packed")
        annotated = self.annotated if corrections else None
        header = _HEADER.pack(
            _MAGIC,
            _VERSION,
            annotated is not None,
            *self.context.shape,
            self.frames,
            self.annotated_frames if annotated is not None else 0,
            *self.size,
            bytes.fromhex(self.digest),
        )
        parts = [header, _pack(self.context, "<f4")]
        if annotated is not None:
            parts.append(_pack(annotated, "<f2"))
        parts.append(self.mask.cpu().numpy().tobytes())
        body = b"".join(parts)
        return body + _checksum(body)

    @classmethod
    def from_bytes(cls, packed: bytes, *, digest: str | None = None) -> "ObjectMemory":
        """Unpack what `to_bytes` gave.

        Args:
            packed: the bytes.
            digest: of the model that is to go on with it; None: any.

        Raises:
            StateError: truncated, damaged, of another version, or of another model.
        """
        if len(packed) < _HEADER.size + _CHECKSUM or packed[:5] != _MAGIC:
            raise StateError(f"not a packed object memory: {len(packed)} bytes that do not begin as one")
        body, checksum = packed[:-_CHECKSUM], packed[-_CHECKSUM:]
        _, version, apart, rows, columns, frames, annotated_frames, height, width, model = (
            _HEADER.unpack_from(body)
        )
        if version != _VERSION:
            raise StateError(
                f"the object memory is of version {version}, expected {_VERSION}: annotate the object anew"
            )
        if checksum != _checksum(body):
            raise StateError(
                "the object memory is damaged (its checksum does not match): annotate the object anew"
            )
        if digest is not None and model.hex() != digest:
            raise StateError(
                f"the object memory is of model {model.hex()[:12]}, but the model is {digest[:12]}: "
                "annotate the object anew, or load that model"
            )
        count, at = rows * columns, _HEADER.size
        if len(body) != at + (4 + 2 * apart) * count + MASK_SIDE**2:
            raise StateError(
                f"the object memory has {len(packed)} bytes, which its header does not account for"
            )
        context = _unpack(body, at, (rows, columns), "<f4")
        annotated = _unpack(body, at + 4 * count, (rows, columns), "<f2") if apart else None
        if not (context.isfinite().all() and (annotated is None or annotated.isfinite().all())):
            raise StateError("the object memory holds numbers that are not finite: annotate the object anew")
        mask = np.frombuffer(body, np.uint8, MASK_SIDE**2, len(body) - MASK_SIDE**2).copy()
        return cls(
            context=context,
            frames=frames,
            annotated=annotated,
            annotated_frames=annotated_frames,
            mask=torch.from_numpy(mask).view(MASK_SIDE, MASK_SIDE),
            size=(height, width),
            digest=model.hex(),
        )


def _pack(context: Tensor, dtype: str) -> bytes:
    return context.detach().cpu().numpy().astype(dtype).tobytes()


def _unpack(body: bytes, at: int, shape: tuple[int, int], dtype: str) -> Tensor:
    numbers = np.frombuffer(body, dtype, shape[0] * shape[1], at)
    numbers = numbers.astype(numbers.dtype.newbyteorder("="))
    return torch.from_numpy(numbers).view(shape)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECKSUM]

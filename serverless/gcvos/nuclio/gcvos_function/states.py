"""The state of one tracked object, as the string that travels between the browser, CVAT and the function.

CVAT keeps a state only in the browser, and sends with it neither frame number, nor task, nor label. So all
that the next request needs is in it: the `ObjectMemory` (context, frame count, previous mask, the model's
digest), and the `Track`: the type that the shape came in, and where the object was last seen.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import pybase64

from gcvos_function.errors import RequestError
from gcvos_model.cli.cvat_objects import Track
from gcvos_model.cli.cvat_shapes import SHAPE_TYPES
from gcvos_model.errors import StateError
from gcvos_model.memory import ObjectMemory

MAGIC = b"GCVS"
VERSION = 1
_HEADER = struct.Struct("<4sBBBxII4d")  # magic, version, shape type, legacy, height, width, box
_DIGEST_SIZE = 16


@dataclass(frozen=True)
class TrackState:
    """All that is known of one tracked object between two requests."""

    track: Track
    legacy: bool
    """The rectangle came, and goes, as bare [x1, y1, x2, y2]."""

    memory: ObjectMemory


def pack_state(state: TrackState, annotated: bool) -> str:
    """Pack a state into one base64 string, whose length depends on the model alone.

    Args:
        state: The object's state.
        annotated: Keep the context of the frame that the object was drawn on. A model that reads it needs it
            (`config.annotated_apart`); else only a correction would, and a correction in CVAT starts a new track.
    """
    track = state.track
    header = _HEADER.pack(
        MAGIC, VERSION, SHAPE_TYPES.index(track.shape_type), state.legacy, *track.size, *track.box
    )
    payload = header + state.memory.to_bytes(corrections=annotated)
    return pybase64.b64encode_as_string(payload + _digest(payload))


def unpack_state(text: str, model_digest: str, field: str = "state") -> TrackState:
    """Unpack and check a state.

    Args:
        text: What `pack_state` made.
        model_digest: The digest of the loaded model; the state of another model cannot be continued.
        field: The name that error messages begin with.

    Raises:
        RequestError: Damaged, of another version, or of another model (400).
    """
    try:
        data = pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise RequestError(f"{field}: not base64 ({error})") from None
    if len(data) < _HEADER.size + _DIGEST_SIZE or data[:4] != MAGIC:
        raise RequestError(f"{field}: {len(data)} bytes that are not a state of this function")
    payload, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if digest != _digest(payload):
        raise RequestError(f"{field}: damaged (its checksum does not match)")
    _, version, kind, legacy, height, width, x1, y1, x2, y2 = _HEADER.unpack_from(payload)
    if version != VERSION:
        raise RequestError(f"{field}: of version {version}, expected {VERSION}; start the track again")
    if kind >= len(SHAPE_TYPES) or not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise RequestError(f"{field}: a header that this function does not write")
    try:
        memory = ObjectMemory.from_bytes(payload[_HEADER.size :], digest=model_digest)
    except StateError as error:
        raise RequestError(f"{field}: {error}") from None
    return TrackState(Track(SHAPE_TYPES[kind], (height, width), (x1, y1, x2, y2)), bool(legacy), memory)


def _digest(payload: bytes) -> bytes:
    """A checksum, not a signature: CVAT signs what it hands to the browser."""
    return hashlib.blake2b(payload, digest_size=_DIGEST_SIZE, person=b"gcvos state").digest()

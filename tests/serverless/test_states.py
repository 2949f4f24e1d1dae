import base64
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from gcvos_function.errors import RequestError
from gcvos_function.states import _HEADER, TrackState, _digest, pack_state, unpack_state
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model import Propagator
from gcvos_model.checkpoints import random_model
from gcvos_model.cli.cvat_objects import Track
from gcvos_model.network.config import PRESETS

TRACK = Track("polygon", (1080, 1920), (3.5, 4, 500, 600.25))


def pack(track, memory, legacy=False, annotated=True):
    return pack_state(TrackState(track, legacy, memory), annotated)


def memory_of(model, short_side=32, steps=1):
    """The memory of an object after some frames, and the frame."""
    frame = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    mask = np.zeros((48, 64), bool)
    mask[10:30, 10:30] = True
    propagator = Propagator(model, short_side=short_side)
    propagator.annotate(frame, {1: mask})
    for _ in range(steps):
        propagator.step(frame)
    return propagator.memories[1]


@pytest.fixture(scope="module")
def model():
    return random_model("tiny", seed=0)


@pytest.fixture(scope="module")
def memory(model):
    return memory_of(model)


@settings(max_examples=50)
@given(
    st.sampled_from(["rectangle", "polygon", "mask"]),
    st.booleans(),
    st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4, unique=True),
)
def test_states_go_round(model, memory, shape_type, legacy, size, corners):
    height, width = size
    (x1, x2), (y1, y2) = sorted(corners[:2]), sorted(corners[2:])
    box = (x1 * width, y1 * height, x2 * width, y2 * height)
    if not (box[0] < box[2] and box[1] < box[3]):  # rounded away
        return
    track = Track(shape_type, size, box)
    state = unpack_state(pack(track, memory, legacy), model.digest)
    assert (state.track, state.legacy) == (track, legacy)
    assert state.memory.to_bytes() == memory.to_bytes()


@pytest.mark.parametrize(("name", "limit"), [("gcvos-lite", 120_000), ("gcvos-r50", 400_000)])
def test_size_of_a_state(name, limit):
    model = random_model(name, seed=0)
    annotated = PRESETS[name].annotated_apart
    states = [pack(TRACK, memory_of(model, steps=steps), False, annotated) for steps in (1, 3)]
    assert len(states[0]) == len(states[1]) <= limit
    small = Track("mask", (8, 9), (0, 0, 1, 1))
    late = replace(memory_of(model), frames=2_000_000, annotated_frames=1000, size=(4320, 7680))
    assert len(pack(small, late, True, annotated)) == len(states[0])


def test_a_state_still_learns_at_frame_5000(model, memory):
    """A running mean in too small a number type stops: 1/t falls below its precision."""
    shape = memory.context.shape
    generator = torch.Generator().manual_seed(0)
    steps, total = 5000, torch.zeros(shape, dtype=torch.float64)
    for t in range(1, steps + 1):
        # two halves of different mean: to stop learning is to miss the second
        context = torch.rand(shape, generator=generator) + (2.0 if t > steps // 2 else 0.0)
        total += context.double()
        mean = model.memory.update(memory.context, context, t) if t > 1 else context
        memory = replace(memory, context=mean, frames=t)
        if t % 10 == 0 or t > steps - 10:
            memory = unpack_state(pack(TRACK, memory), model.digest).memory
    assert memory.frames == steps
    assert torch.allclose(memory.context.double(), total / steps, rtol=1e-4)
    once_more = model.memory.update(memory.context, memory.context + 1, steps + 1)
    assert torch.allclose(once_more - memory.context, torch.full(shape, 1 / (steps + 1)), rtol=0.02)


def forged(text, **fields):
    """A state whose header was changed and whose checksum is right all the same."""
    payload = base64.b64decode(text)[:-16]
    names = ("magic", "version", "kind", "legacy", "height", "width", "x1", "y1", "x2", "y2")
    header = dict(zip(names, _HEADER.unpack_from(payload), strict=True)) | fields
    payload = _HEADER.pack(*header.values()) + payload[_HEADER.size :]
    return base64.b64encode(payload + _digest(payload)).decode()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"magic": b"ELSE"}, "not a state"),
        ({"version": 2}, "of version 2, expected 1"),
        ({"kind": 3}, "does not write"),
        ({"width": 0}, "does not write"),
        ({"x1": float("nan")}, "does not write"),
        ({"x1": 500.0}, "does not write"),
        ({"y2": float("inf")}, "does not write"),
    ],
)
def test_headers_that_make_no_sense(model, memory, fields, message):
    text = pack(TRACK, memory)
    assert unpack_state(forged(text), model.digest).track == TRACK
    with pytest.raises(RequestError, match=f"states\\[3\\]: .*{message}") as refusal:
        unpack_state(forged(text, **fields), model.digest, "states[3]")
    assert refusal.value.status == 400


def test_damage_inside_the_memory(model, memory):
    data = bytearray(base64.b64decode(pack(TRACK, memory)))
    data[_HEADER.size + 60] ^= 1
    payload = bytes(data[:-16])
    with pytest.raises(RequestError, match="damaged"):
        unpack_state(base64.b64encode(payload + _digest(payload)).decode(), model.digest)


@pytest.mark.parametrize(
    "text", ["", "AAAA", "not base64", "ä", "R0NWUw==", base64.b64encode(bytes(5000)).decode()]
)
def test_what_is_no_state(model, text):
    with pytest.raises(RequestError) as refusal:
        unpack_state(text, model.digest)
    assert refusal.value.status == 400


def test_the_model_must_be_the_same(memory):
    with pytest.raises(RequestError, match="of model"):
        unpack_state(pack(TRACK, memory), "0" * 64)


def test_the_header_is_as_long_on_every_machine():
    assert _HEADER.size == struct.calcsize("<4sBBBxII4d") == 48

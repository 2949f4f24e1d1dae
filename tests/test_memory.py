"""ObjectMemory through bytes: exact, of constant size, and refused when anything is wrong with it."""

import hashlib
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model.errors import StateError
from gcvos_model.memory import MASK_SIDE, ObjectMemory

DIGEST = "ab" * 32


def memory(frames: int = 7, size: tuple[int, int] = (480, 854)) -> ObjectMemory:
    generator = torch.Generator().manual_seed(frames)
    return ObjectMemory(
        context=torch.randn(4, 6, generator=generator),
        frames=frames,
        annotated=torch.randn(4, 6, generator=generator).half(),
        annotated_frames=2,
        mask=torch.randint(0, 256, (MASK_SIDE, MASK_SIDE), generator=generator, dtype=torch.uint8),
        size=size,
        digest=DIGEST,
    )


def same(a: ObjectMemory, b: ObjectMemory) -> bool:
    apart = (a.annotated is None and b.annotated is None) or torch.equal(a.annotated, b.annotated)
    return (
        torch.equal(a.context, b.context)
        and apart
        and torch.equal(a.mask, b.mask)
        and (a.frames, a.annotated_frames, a.size, a.digest)
        == (b.frames, b.annotated_frames, b.size, b.digest)
    )


@pytest.mark.parametrize("frames", [1, 2, 2000, 10**6])
def test_a_round_trip_changes_nothing(frames):
    before = memory(frames, (2160, 3840))
    assert same(ObjectMemory.from_bytes(before.to_bytes(), digest=DIGEST), before)


def test_the_size_is_constant():
    assert len(memory(1).to_bytes()) == len(memory(100_000, (2160, 3840)).to_bytes())


def test_without_corrections_the_annotated_context_is_dropped():
    before = memory()
    after = ObjectMemory.from_bytes(before.to_bytes(corrections=False))
    assert same(after, replace(before, annotated=None, annotated_frames=0))
    assert len(before.to_bytes()) - len(before.to_bytes(corrections=False)) == 2 * 4 * 6


def test_another_model_is_refused():
    with pytest.raises(StateError, match=r"abababababab.*cdcdcdcdcdcd"):
        ObjectMemory.from_bytes(memory().to_bytes(), digest="cd" * 32)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_refused(position, change):
    packed = bytearray(memory().to_bytes())
    packed[position % len(packed)] ^= change
    with pytest.raises(StateError):
        ObjectMemory.from_bytes(bytes(packed))


@pytest.mark.parametrize("cut", [0, 1, 4, 40, 70, 500, -1])
def test_a_truncated_one_is_refused(cut):
    with pytest.raises(StateError):
        ObjectMemory.from_bytes(memory().to_bytes()[:cut])


def test_numbers_that_are_not_finite_are_refused():
    broken = replace(memory(), context=torch.full((4, 6), float("nan")))
    with pytest.raises(StateError, match="not finite"):
        ObjectMemory.from_bytes(broken.to_bytes())


def test_a_header_that_promises_more_than_there_is_is_refused():
    body = bytearray(memory().to_bytes()[:-16])
    body[7] = 200  # C_N
    with pytest.raises(StateError, match="header"):
        ObjectMemory.from_bytes(bytes(body) + hashlib.sha256(body).digest()[:16])


def test_a_memory_that_grows_cannot_be_packed():
    with pytest.raises(StateError, match="constant size"):
        replace(memory(), context=torch.zeros(2, 3, 4)).to_bytes()

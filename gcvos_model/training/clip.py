"""What a training clip holds, and how one is made with a gap behind its first frame, or with a cut in it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """A clip of one object. Masks are uint8, 0 or 255 with soft edges.

    Decoys are what a drifting track takes for the object: other objects, tracked or not.
    `before` is what the network is told of the frame before the second: the first frame's masks, or those of a frame
    that it never sees, where time has passed since the annotated one.
    """

    frames: Image  # (T, S, S, 3) RGB
    masks: Image  # (T, S, S): the object's
    others: Image  # (T, S, S): of other tracked objects; empty where none is tracked
    decoys: Image  # (T, S, S)
    first: Image  # (S, S): the object's mask on the first frame as the annotator gave it
    before: Image  # (3, S, S): masks, others and decoys of the frame before the second


def clip_of(frames: Image, masks: Image, others: Image, decoys: Image) -> Clip:
    """A clip whose annotation is exact and whose second frame follows its first."""
    return Clip(frames, masks, others, decoys, masks[0], np.stack([masks[0], others[0], decoys[0]]))


def without_second(clip: Clip) -> Clip:
    """Leave the second frame out, so that the clip looks back at its annotation over a gap.

    The masks of the frame left out stay as the cue, as in a track that has gone on for a while: the annotation is old,
    the last mask is not.
    """
    keep = [0, *range(2, len(clip.frames))]
    return replace(
        clip,
        frames=clip.frames[keep],
        masks=clip.masks[keep],
        others=clip.others[keep],
        decoys=clip.decoys[keep],
        before=np.stack([clip.masks[1], clip.others[1], clip.decoys[1]]),
    )


def with_cut(rng: np.random.Generator, clip: Clip, elsewhere: Clip) -> Clip:
    """Cut to another scene, for up to three frames or for the rest of the clip: the object is not there.

    Args:
        rng: decides when, and whether the clip comes back.
        clip: any; its first frame stays.
        elsewhere: of the same shape, what is cut to; what is seen there is nobody's object.

    Returns:
        The clip with other frames and empty masks in between.
    """
    length = len(clip.frames)
    start = rng.integers(1, length)
    stop = length if rng.random() < 0.5 else min(length, start + rng.integers(1, 4))
    frames = clip.frames.copy()
    frames[start:stop] = elsewhere.frames[start:stop]
    gone = {name: getattr(clip, name).copy() for name in ("masks", "others", "decoys")}
    for masks in gone.values():
        masks[start:stop] = 0
    return replace(clip, frames=frames, **gone)

"""Draw what the global context cannot tell apart, and what becomes of it: the paper's figure 7.

`python -m gcvos_model.demo.crossing docs/images/crossing.png` draws a clip of two fawns of one coat that walk past each
other, propagates both from the first frame, and writes a sheet: the truth above, the model's masks below.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ..checkpoints import load_model
from ..masks import Labels, object_masks
from ..metrics import region_similarity
from ..network.network import GCNetwork
from ..propagation import Propagator
from ..video import Frame
from ..visualize import contact_sheet, overlay
from .kinds import FAWN
from .make_clip import FRAMES, Actor, render

CROSSING = (  # from far to near
    Actor(2, FAWN, 185, -1, 440, 640, 3.4, 0.30, 1.0, (0.3, 8)),
    Actor(1, FAWN, 185, 1, 475, 380, 8.0, 0.33, 2.0, (0.3, 40)),
)
SHOWN = (0, 12, 24, 36, FRAMES - 1)


def draw_clip() -> tuple[list[Frame], list[Labels]]:
    """The clip's frames and labels."""
    frames, labels = zip(*(render(index, CROSSING) for index in range(FRAMES)), strict=True)
    return list(frames), list(labels)


def track(model: GCNetwork, frames: list[Frame], first: Labels) -> list[Labels]:
    """The model's label maps, from the first frame's."""
    propagator = Propagator(model)
    propagator.annotate(frames[0], object_masks(first))
    return [first, *(propagator.step(frame).labels for frame in frames[1:])]


def main(path: Path) -> None:
    """Write the sheet and print each object's J."""
    frames, truth = draw_clip()
    found = track(load_model(), frames, truth[0])
    cells = [overlay(frames[i], labels[i]) for labels in (truth, found) for i in SHOWN]
    Image.fromarray(contact_sheet(cells, len(SHOWN))).resize((1200, 270)).save(path, optimize=True)
    for object_id in (1, 2):
        scores = [
            region_similarity(f == object_id, t == object_id) for f, t in zip(found, truth, strict=True)
        ]
        print(
            f"object {object_id}: J",
            *(f"{100 * np.mean(third):.1f}" for third in np.array_split(scores[1:], 3)),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Data sets of the scenes, one of each layout."""

import numpy as np
import pytest

from .scenes import FRAMES, Davis, YouTubeVOS, entering_maps, moving_square, square


@pytest.fixture
def davis(tmp_path):
    """Two sequences of one object each, and one of two; listed for 2016 and 2017."""
    davis = Davis(tmp_path / "DAVIS")
    davis.add("ball", moving_square())
    davis.add("car", moving_square(speed=3, top=20))
    davis.add("duo", [np.maximum(a, square(40, 30, 10, 2)) for a in moving_square()])
    davis.list(["ball", "car", "duo"])
    davis.list(["ball", "car", "duo"], year="2017")
    return davis


@pytest.fixture
def youtube(tmp_path):
    """One video: object 1 from the first frame on, object 2 from the third on; annotated throughout."""
    youtube = YouTubeVOS(tmp_path / "valid")
    youtube.add("a1b2", entering_maps(), {1: range(FRAMES), 2: range(2, FRAMES)})
    return youtube

"""Small videos, and plain ways to read them."""

import contextlib
from fractions import Fraction

import av
import numpy as np
import pytest

SIZE = (48, 64)
COUNT = 60
VARIABLE = [40, 40, 120]  # milliseconds from frame to frame, over and over
QUIET = {"x264-params": "log-level=error"}


def picture(index, size=SIZE):
    """A picture that compresses badly enough to spread a file's bytes over its frames."""
    noise = np.random.default_rng(index).integers(0, 120, (*size, 3), dtype=np.uint8)
    noise[: size[0] // 2] += np.uint8(index)
    return noise


def encode(path, codec="libx264", count=COUNT, durations=(40,), options=None, container_options=None):
    """Write a small video with a keyframe every 12 frames and B-frames where the codec has them."""
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no {codec}")
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 12
        milliseconds = len(durations) > 1
        stream.codec_context.time_base = Fraction(1, 1000 if milliseconds else 25)
        moment = 0
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base = moment, stream.codec_context.time_base
            container.mux(stream.encode(frame))
            moment += durations[index % len(durations)] if milliseconds else 1
        container.mux(stream.encode())
    return path


def decode_plainly(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def decodable(path):
    """How many frames a plain decode yields before it ends or fails."""
    count = 0
    with av.open(str(path)) as container, contextlib.suppress(av.error.FFmpegError):
        for _ in container.decode(video=0):
            count += 1
    return count


def same(ours, plain):
    """Whether (index, frame) pairs are the frames of these numbers."""
    return all(np.array_equal(frame, plain[index]) for index, frame in ours)


def cut(path, share, target):
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target

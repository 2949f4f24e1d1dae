"""What a tracker function of CVAT costs: latency by stage, and bytes, for one and for many objects.

Nothing here knows the function: it is asked with the requests that CVAT sends, as bytes, and tells in a
`Server-Timing` header how long its stages took. A worker of the benchmark's own also tells in `Worker-Time`
how many milliseconds it took without HTTP, and in `Peak-Memory` how many bytes of memory it had at once.
"""

import base64
import io
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from gcvos_model.errors import GCVOSError

Call = Callable[[bytes], tuple[int, Mapping[str, str], bytes]]
"""A request's body to the answer's status, headers and body."""

Frame = npt.NDArray[np.uint8]
CLIP_LENGTH = 4
WARM_UP = 2
FEWEST = 5
SEED = 0
OF_THE_NETWORK = ("network", "boxes")
"""Stages that are the network's: boxes become masks by it."""


@dataclass(frozen=True)
class Row:
    """One measured setting.

    Attributes:
        height: of the image, which is 16:9.
        objects: in each request, a third of them rectangles, polygons and masks.
        step: "start" or "continue".
        p50, p95: of the whole request, milliseconds.
        overhead: median of all but the network and HTTP (of a deployed function: but the network), milliseconds.
        stages: medians of the function's own stages, milliseconds.
        image_bytes: of the PNG.
        request_bytes, answer_bytes: of the bodies; state_bytes: of one object's state.
        peak_bytes: the function's most memory at once; None where it does not tell.
    """

    height: int
    objects: int
    step: str
    p50: float
    p95: float
    overhead: float
    stages: Mapping[str, float]
    image_bytes: int
    request_bytes: int
    answer_bytes: int
    state_bytes: int
    peak_bytes: int | None


@dataclass(frozen=True)
class LongRun:
    """One object carried on over many frames.

    Attributes:
        frames: how many.
        first, last: median milliseconds of the first and the last fifth of the requests.
        state_bytes: the lengths that the state had.
    """

    frames: int
    first: float
    last: float
    state_bytes: tuple[int, ...]


def measure(call: Call, height: int, objects: int, repeats: int) -> list[Row]:
    """Start `objects` on a clip and continue them, `repeats` times each; fewer, at least 5, for more than 5.

    Raises:
        GCVOSError: The function answers something else than 200.
    """
    clip, shapes = made_up_clip(height, objects)
    images = [encode_png(frame) for frame in clip]
    image_bytes = len(images[0])
    texts = [base64.b64encode(image).decode() for image in images]
    repeats = min(repeats, max(FEWEST, FEWEST * repeats // objects))
    starts = [ask(call, texts[0], shapes, []) for _ in range(WARM_UP + repeats)]
    continues: list[Answer] = []
    states = starts[-1].states
    for repeat in range(WARM_UP + repeats):
        answer = ask(call, texts[1 + repeat % (CLIP_LENGTH - 1)], [None] * objects, states)
        continues.append(answer)
        states = answer.states
    return [
        summarize(height, objects, step, answers[WARM_UP:], image_bytes)
        for step, answers in (("start", starts), ("continue", continues))
    ]


def measure_long(call: Call, height: int, frames: int) -> LongRun:
    """Carry one object on over `frames` frames, its state going round as JSON.

    Raises:
        GCVOSError: The function answers something else than 200.
    """
    clip, shapes = made_up_clip(height, 1)
    texts = [base64.b64encode(encode_png(frame)).decode() for frame in clip]
    states = ask(call, texts[0], shapes, []).states
    times, sizes = [], set()
    for index in range(WARM_UP + frames):
        answer = ask(call, texts[index % CLIP_LENGTH], [None], states)
        states = answer.states
        sizes.add(len(states[0]))
        times.append(answer.milliseconds)
    times = times[WARM_UP:]
    fifth = max(1, frames // 5)
    first, last = float(np.median(times[:fifth])), float(np.median(times[-fifth:]))
    return LongRun(frames, first, last, tuple(sorted(sizes)))


@dataclass(frozen=True)
class Answer:
    """One answered request."""

    milliseconds: float
    without_http: float
    stages: Mapping[str, float]
    states: list[Any]
    request_bytes: int
    answer_bytes: int
    peak_bytes: int | None

    @property
    def overhead(self) -> float:
        """Milliseconds outside the network."""
        return self.without_http - sum(self.stages.get(stage, 0) for stage in OF_THE_NETWORK)


def ask(call: Call, image: str, shapes: list[Any], states: list[Any]) -> Answer:
    """Send one request and take its time, with the JSON of the function's side but not of CVAT's."""
    body = json.dumps({"image": image, "shapes": shapes, "states": states}).encode()
    start = time.perf_counter()
    status, headers, content = call(body)
    milliseconds = (time.perf_counter() - start) * 1000
    if status != 200:
        raise GCVOSError(f"the function answers {status}: {content[:300].decode(errors='replace')}")
    told = {name.lower(): text for name, text in headers.items()}
    timing = re.findall(r"(\w+);dur=([\d.]+)", told.get("server-timing", ""))
    peak = told.get("peak-memory", "")
    return Answer(
        milliseconds=milliseconds,
        without_http=float(told.get("worker-time", milliseconds)),
        stages={stage: float(duration) for stage, duration in timing},
        states=json.loads(content)["states"],
        request_bytes=len(body),
        answer_bytes=len(content),
        peak_bytes=int(peak) if peak.isdecimal() else None,
    )


def summarize(height: int, objects: int, step: str, answers: list[Answer], image_bytes: int) -> Row:
    """Medians over the answers of one setting."""
    times = [answer.milliseconds for answer in answers]
    return Row(
        height=height,
        objects=objects,
        step=step,
        p50=float(np.median(times)),
        p95=float(np.percentile(times, 95)),
        overhead=float(np.median([answer.overhead for answer in answers])),
        stages={
            stage: float(np.median([answer.stages[stage] for answer in answers]))
            for stage in answers[0].stages
        },
        image_bytes=image_bytes,
        request_bytes=answers[-1].request_bytes,
        answer_bytes=answers[-1].answer_bytes,
        state_bytes=len(answers[-1].states[0]),
        peak_bytes=max((answer.peak_bytes for answer in answers if answer.peak_bytes), default=None),
    )


def made_up_clip(height: int, objects: int) -> tuple[list[Frame], list[Any]]:
    """Discs on a grid that drift over a textured scene; and the first frame's shapes, as CVAT sends them.

    The noise is as strong as a PNG of a photograph is large: about 5 MB at 1080p.
    """
    generator = np.random.default_rng(SEED)
    width = height * 16 // 9
    scene = np.zeros((height, width, 3), np.float32)
    for cells in (4, 16, 64):
        small = Image.fromarray(generator.integers(0, 255, (cells * 9 // 16 + 1, cells, 3), np.uint8))
        scene += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 4
    scene += generator.normal(0, 14, scene.shape).astype(np.float32)
    columns = int(np.ceil(np.sqrt(objects * 16 / 9)))
    rows = -(-objects // columns)
    radius = min(height / rows, width / columns) * 0.3
    y, x = np.mgrid[:height, :width].astype(np.float32)
    frames, shapes = [], []
    for index in range(CLIP_LENGTH):
        frame = scene.copy()
        for number in range(objects):
            row, column = divmod(number, columns)
            cx = (column + 0.5) * width / columns + index * radius / 20
            cy = (row + 0.5) * height / rows
            colour = np.array([255 * (number % 2), 255 * (number // 2 % 2), 40 * (number % 7)], np.float32)
            top, left = max(0, int(cy - radius)), max(0, int(cx - radius))
            part = np.s_[top : int(cy + radius) + 2, left : int(cx + radius) + 2]
            disc = np.hypot(x[part] - cx, y[part] - cy) < radius
            frame[part][disc] = 0.3 * frame[part][disc] + 0.7 * colour
            if index == 0:
                shapes.append(drawn_shape(number, disc, (left, top), (cx, cy), radius))
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return frames, shapes


def drawn_shape(
    number: int,
    disc: npt.NDArray[np.bool_],
    corner: tuple[int, int],
    centre: tuple[float, float],
    radius: float,
) -> Any:
    """The disc as rectangle, polygon or mask, in turns. `disc` is its part of the frame, at `corner` (x, y)."""
    (left, top), (cx, cy) = corner, centre
    height, width = disc.shape
    if number % 3 == 0:
        return {"type": "rectangle", "points": [cx - radius, cy - radius, cx + radius, cy + radius]}
    if number % 3 == 1:
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        ring = np.stack([cx + radius * np.cos(angles), cy + radius * np.sin(angles)], axis=1)
        return {"type": "polygon", "points": ring.ravel().tolist()}
    flat = np.concatenate([[False], disc.ravel()])
    changes = np.flatnonzero(np.diff(flat))
    runs = np.diff(np.concatenate([[0], changes, [disc.size]])).tolist()
    return {"type": "mask", "points": [*runs, left, top, left + width - 1, top + height - 1]}


def encode_png(frame: Frame, compress_level: int = 6) -> bytes:
    """A frame as CVAT sends it, whose level is Pillow's own: 6."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=compress_level)
    return buffer.getvalue()

"""What to propagate through: the videos and ordered images of a FiftyOne collection, whatever its layout."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fiftyone.core.media as fom
from fiftyone.core.clips import ClipsView
from fiftyone.core.patches import PatchesView
from fiftyone.core.video import FramesView

from gcvos_model.errors import InputError, MediaError
from gcvos_model.video import FrameSource, open_source

from .frame_sources import ImageSeries, SampledFrames
from .settings import Settings


@dataclass(frozen=True)
class Sequence:
    """One video, part of one, or one ordered series of images.

    Its frames have indices from 0, as in the core: `index` is frame number `index + 1` of a video (or
    `numbers[index]` where only some frames are looked at), and the sample `image_ids[index]` of images.

    Attributes:
        key: what a run knows it by; the same each time the collection is listed.
        name: what to call it in messages.
        start: first index to touch.
        stop: one past the last index to touch; None for the end.
        sample_id: the video's sample; None for images.
        path: the video's file.
        numbers: the frame numbers of a view of some frames, ascending; empty for all.
        image_ids: the images' samples, in order.
        image_paths: the images' files, in order.
    """

    key: str
    name: str
    start: int = 0
    stop: int | None = None
    sample_id: str | None = None
    path: str = ""
    numbers: tuple[int, ...] = ()
    image_ids: tuple[str, ...] = ()
    image_paths: tuple[str, ...] = ()

    @property
    def is_video(self) -> bool:
        """Whether labels are on the frames of a video sample, not on image samples."""
        return self.sample_id is not None

    @property
    def length(self) -> int | None:
        """How many frames there are; None for a video, which knows it only when it has been read."""
        return None if self.is_video and not self.numbers else len(self.numbers) or len(self.image_ids)

    def number(self, index: int) -> int:
        """Return what FiftyOne calls a frame: its frame number, or its place among the images from 1."""
        return self.numbers[index] if self.numbers else index + 1

    def covers(self, index: int) -> bool:
        """Whether a frame is one to touch."""
        return self.start <= index and (self.stop is None or index < self.stop)

    def open(self) -> FrameSource:
        """Open the frames.

        Raises:
            MediaError: a file is absent, empty, or cannot be decoded.
        """
        if not self.is_video:
            return ImageSeries(self.image_paths)
        if not Path(self.path).exists():
            raise MediaError(f"there is no file {self.path}; bring it back, or correct the sample's filepath")
        source = open_source(self.path)
        return SampledFrames(source, tuple(number - 1 for number in self.numbers)) if self.numbers else source


def list_sequences(collection: Any, settings: Settings) -> list[Sequence]:
    """List what a dataset or view holds to propagate through.

    Video samples, groups with video slices, dynamic groups of images, images ordered by a field (into one
    clip, or one for each value of a second field), clips, and views of frames.

    Raises:
        InputError: the collection is of another kind, empty, or unordered; says what to do.
    """
    view = collection.view()
    if isinstance(view, PatchesView):
        raise InputError("this is a view of patches, which have no time; run on the samples they come from")
    if len(view) == 0:
        raise InputError("there are no samples here: nothing to propagate through")
    if isinstance(view, FramesView):
        sequences = _frames_view(view)
    elif isinstance(view, ClipsView):
        sequences = _clips(view)
    elif view._is_dynamic_groups:
        sequences = _dynamic_groups(view)
    elif view.media_type == fom.GROUP:
        sequences = _video_slices(view)
    elif view.media_type == fom.VIDEO:
        sequences = _videos(view)
    elif view.media_type == fom.IMAGE:
        sequences = _ordered_images(view, settings)
    else:
        raise InputError(f"the samples' media type is '{view.media_type}': expected videos or images")
    return [_in_range(sequence, settings) for sequence in sequences]


def _in_range(sequence: Sequence, settings: Settings) -> Sequence:
    """Narrow a sequence to the frame numbers that were asked for."""
    start, stop = settings.start, settings.stop
    if sequence.numbers:
        numbers = tuple(n for n in sequence.numbers if n > start and (stop is None or n <= stop))
        return replace(sequence, numbers=numbers)
    stops = [value for value in (sequence.stop, stop) if value is not None]
    return replace(sequence, start=max(sequence.start, start), stop=min(stops, default=None))


def _videos(view: Any) -> list[Sequence]:
    ids, paths = view.values(["id", "filepath"])
    return [
        Sequence(key=sample_id, name=Path(path).name, sample_id=sample_id, path=path)
        for sample_id, path in zip(ids, paths, strict=True)
    ]


def _video_slices(view: Any) -> list[Sequence]:
    if fom.VIDEO not in view.group_media_types.values():
        raise InputError(
            "the groups hold no videos; for images that make a clip, use group_by(field, order_by=...)"
        )
    return _videos(view.select_group_slices(media_type=fom.VIDEO))


def _clips(view: ClipsView) -> list[Sequence]:
    samples, paths, supports = view.values(["sample_id", "filepath", "support"])
    return [
        Sequence(
            key=f"{sample_id}-{first}-{last}",
            name=f"{Path(path).name} frames {first}-{last}",
            start=first - 1,
            stop=last,
            sample_id=sample_id,
            path=path,
        )
        for sample_id, path, (first, last) in zip(samples, paths, supports, strict=True)
    ]


def _frames_view(view: FramesView) -> list[Sequence]:
    wanted: dict[str, list[int]] = {}
    for part in view.iter_dynamic_groups() if view._is_dynamic_groups else [view]:
        for sample_id, number in zip(*part.values(["sample_id", "frame_number"]), strict=True):
            wanted.setdefault(sample_id, []).append(number)
    videos = view._root_dataset.select(list(wanted), ordered=True)
    return [
        replace(video, key=f"{video.key}-frames", numbers=tuple(sorted(wanted[video.key])))
        for video in _videos(videos)
    ]


def _dynamic_groups(view: Any) -> list[Sequence]:
    return [_image_series(group) for group in view.iter_dynamic_groups()]


def _ordered_images(view: Any, settings: Settings) -> list[Sequence]:
    if settings.order_by is None:
        raise InputError(
            "the images have no order: use group_by(field, order_by=...), or name the field that orders them"
        )
    if settings.group_by is not None:
        return _dynamic_groups(view.group_by(settings.group_by, order_by=settings.order_by))
    return [_image_series(view.sort_by(settings.order_by))]


def _image_series(view: Any) -> Sequence:
    if view.media_type != fom.IMAGE:
        raise InputError(f"a group holds {view.media_type}s, expected images; run on the videos themselves")
    ids, paths = view.values(["id", "filepath"])
    first = Path(paths[0])
    # The first image's sample is the series' identity: it stays when images are added at the end.
    return Sequence(
        key=ids[0],
        name=f"{first.parent.name}/{first.name}...",
        image_ids=tuple(ids),
        image_paths=tuple(paths),
    )


def safe_name(name: str) -> str:
    """Make a file name of any text."""
    return re.sub(r"[^\w.-]+", "_", name)[:60] or "clip"

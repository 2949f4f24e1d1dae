"""What is wrong with training data, found before the training and not in its tenth hour; and what there is, for the log.

Of each file only the header is read, so that many thousands take seconds; of some masks of each set the ids.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcvos_model.errors import InputError
from gcvos_model.training.coco import CocoMask
from gcvos_model.training.datasets import DataSet, ImagePair, VideoSequence, decode_index_mask

THREADS = 8
MASKS_LOOKED_AT = 60  # of each set, for the ids
NAMED = 10  # unreadable files in a message

Size = tuple[int, int]  # width, height
Headers = dict[Path, Size | str]  # a string says what is wrong


@dataclass(frozen=True)
class SetSummary:
    """One set in numbers."""

    name: str
    images: int  # images with masks
    videos: int
    frames: int  # of the videos
    others: int  # textures and silhouettes
    smallest: Size  # the least and the largest sides of images and frames
    largest: Size
    objects: int  # the most in one of the masks that were looked at
    left_out: tuple[str, ...] = ()  # files, with the reason

    def to_dict(self) -> dict[str, Any]:
        """For `data.json`."""
        return {**vars(self)}


def check_sets(
    sets: Sequence[DataSet], *, skip_unreadable: bool = False
) -> tuple[list[DataSet], list[SetSummary]]:
    """Read every header, and say what there is.

    Args:
        sets: as they were found.
        skip_unreadable: leave out what cannot be used, instead of refusing it.

    Returns:
        The sets without what cannot be used, and their summaries.

    Raises:
        InputError: files cannot be used, by name: no image, or a mask of another size; or nothing is left.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        paths = list(dict.fromkeys(path for found in sets for path in _paths(found)))
        headers: Headers = dict(zip(paths, pool.map(read_size, paths), strict=True))
        samples = [list(pool.map(_objects_in, _sample(found, headers))) for found in sets]
    for path, problem in (pair for sample in samples for pair in sample if isinstance(pair[1], str)):
        headers[path] = str(problem)
    problems = [find_problems(found, headers) for found in sets]
    wrong = [text for set_problems in problems for text in set_problems.values()]
    if wrong and not skip_unreadable:
        more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise InputError(
            f"{len(wrong)} of {len(paths)} files cannot be used: {'; '.join(wrong[:NAMED])}{more}. "
            "Replace or remove them, or leave them out by --skip-unreadable"
        )
    usable = [_without(found, set_problems) for found, set_problems in zip(sets, problems, strict=True)]
    summaries = [
        _summary(found, headers, sample, tuple(set_problems.values()))
        for found, sample, set_problems in zip(usable, samples, problems, strict=True)
    ]
    if not any(found.images or found.videos for found in usable):
        raise InputError(f"no usable training data: {len(wrong)} files of {len(paths)} were left out")
    return [found for found in usable if found], summaries


def read_size(path: Path) -> Size | str:
    """Width and height by an image file's header, or what is wrong with it."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        return f"'{path}': {error}"


def find_problems(found: DataSet, headers: Headers) -> dict[Path, str]:
    """The files of a set that cannot be used, each with the reason."""
    problems = {path: text for path in _paths(found) if isinstance(text := headers[path], str)}
    for pair in found.images:
        image, mask = headers[pair.image], _mask_size(pair.mask, headers)
        # Masks of another size with the same shape are enlarged; those of another shape belong to another image.
        if not isinstance(image, str) and not isinstance(mask, str) and not _same_shape(image, mask):
            problems.setdefault(pair.image, f"'{pair.image}': is {image}, its mask {mask} (width, height)")
    for video in found.videos:
        sizes = [headers[path] for path in video.frames if not isinstance(headers[path], str)]
        for frame, mask_path in zip(video.frames, video.masks, strict=True):
            for path in (frame, mask_path):
                size = headers[path]
                if not isinstance(size, str) and size != sizes[0]:
                    problems[path] = f"'{path}': is {size}, the video's first frame {sizes[0]}"
    return problems


def _same_shape(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] - one[1] * other[0]) <= 0.03 * one[0] * other[1]


def _mask_size(mask: Path | CocoMask, headers: Headers) -> Size | str:
    return (mask.width, mask.height) if isinstance(mask, CocoMask) else headers[mask]


def _paths(found: DataSet) -> Iterable[Path]:
    for pair in found.images:
        yield pair.image
        if isinstance(pair.mask, Path):
            yield pair.mask
    for video in found.videos:
        yield from (*video.frames, *video.masks)
    yield from (*found.textures, *found.silhouettes)


def _masks(found: DataSet) -> list[Path | CocoMask]:
    videos = (mask for video in found.videos for mask in video.masks)
    return [*(pair.mask for pair in found.images), *videos, *found.silhouettes]


def _sample(found: DataSet, headers: Headers) -> list[Path | CocoMask]:
    """Masks spread over a set, of those whose header can be read."""
    masks = [mask for mask in _masks(found) if not isinstance(_mask_size(mask, headers), str)]
    return masks[:: max(1, -(-len(masks) // MASKS_LOOKED_AT))]


def _objects_in(mask: Path | CocoMask) -> tuple[Path, int | str]:
    path = Path(mask.image) if isinstance(mask, CocoMask) else mask
    try:
        labels = mask.labels() if isinstance(mask, CocoMask) else decode_index_mask(mask)
        return path, len(set(np.unique(labels)) - {0})
    except InputError as error:
        return path, str(error)


def _without(found: DataSet, problems: dict[Path, str]) -> DataSet:
    """A set without the files that cannot be used."""

    def usable(pair: ImagePair) -> bool:
        return pair.image not in problems and pair.mask not in problems

    videos = []
    for video in found.videos:
        kept = [
            pair for pair in zip(video.frames, video.masks, strict=True) if not problems.keys() & set(pair)
        ]
        if len(kept) >= 2:
            frames, masks = zip(*kept, strict=True)
            videos.append(VideoSequence(video.name, frames, masks))
    return replace(
        found,
        images=tuple(pair for pair in found.images if usable(pair)),
        videos=tuple(videos),
        textures=tuple(path for path in found.textures if path not in problems),
        silhouettes=tuple(path for path in found.silhouettes if path not in problems),
    )


def _summary(
    found: DataSet, headers: Headers, sample: list[tuple[Path, int | str]], left_out: tuple[str, ...]
) -> SetSummary:
    frames = [path for video in found.videos for path in video.frames]
    pictures = [*(pair.image for pair in found.images), *frames, *found.textures, *found.silhouettes]
    sizes = np.array([headers[path] for path in pictures] or [(0, 0)])
    return SetSummary(
        name=found.name,
        images=len(found.images),
        videos=len(found.videos),
        frames=len(frames),
        others=len(found.textures) + len(found.silhouettes),
        smallest=(int(sizes[:, 0].min()), int(sizes[:, 1].min())),
        largest=(int(sizes[:, 0].max()), int(sizes[:, 1].max())),
        objects=max((count for _, count in sample if not isinstance(count, str)), default=0),
        left_out=left_out,
    )

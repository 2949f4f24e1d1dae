"""The official layouts of DAVIS 2016, DAVIS 2017 and YouTube-VOS, read into one form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from gcvos_model.errors import InputError
from gcvos_model.video.image_folder import SUFFIXES, natural_key

RESOLUTION = "480p"


class Benchmark(str, Enum):
    """The benchmarks that can be run and scored."""

    DAVIS2016 = "davis2016"
    DAVIS2017 = "davis2017"
    YOUTUBE_VOS = "youtube-vos"


@dataclass(frozen=True)
class BenchmarkSequence:
    """One video of a benchmark.

    Attributes:
        benchmark: whose rules hold for it.
        name: of its folders.
        images: the frames, in order. A frame is named by its file without the suffix.
        annotations: frame name to label map; DAVIS has one for every frame (test splits: for the first only),
            YouTube-VOS for some, and in its val split only those that introduce objects.
        results: names of the frames whose masks are asked for, in order.
        entries: YouTube-VOS: object id to the index of the first frame that `meta.json` lists for it.
    """

    benchmark: Benchmark
    name: str
    images: tuple[Path, ...]
    annotations: Mapping[str, Path]
    results: tuple[str, ...]
    entries: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a name that as a folder of results would lie elsewhere."""
        if self.name == ".." or Path(self.name).name != self.name:
            raise InputError(f"'{self.name}' cannot be the name of a sequence; expected that of a folder")

    @property
    def frames(self) -> tuple[str, ...]:
        """The names of all frames, in order."""
        return tuple(path.stem for path in self.images)


def read_dataset(root: Path, benchmark: Benchmark, split: str) -> list[BenchmarkSequence]:
    """List the sequences of one split and check that their files are there; no image is opened.

    Layouts:
        DAVIS: `JPEGImages/480p/SEQUENCE/*.jpg`, `Annotations/480p/SEQUENCE/*.png`, and a list of the split's
        sequences: `ImageSets/480p/SPLIT.txt` or `ImageSets/2016/SPLIT.txt` for 2016, for 2017
        `ImageSets/2017/SPLIT.txt` (or the first). A line of the list is a sequence's name, or the paths of a
        frame and of its annotation.

        YouTube-VOS: `JPEGImages/VIDEO/*.jpg`, `Annotations/VIDEO/*.png` and `meta.json`, in `root` itself or
        in its folder of the split (`valid` for the split val).

    Raises:
        InputError: a folder, list or file is missing or cannot be read; the message names it.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder '{root}'; give the data set's root, which holds JPEGImages")
    if benchmark is Benchmark.YOUTUBE_VOS:
        return _read_youtube_vos(root, split)
    return _read_davis(root, benchmark, split)


def _read_davis(root: Path, benchmark: Benchmark, split: str) -> list[BenchmarkSequence]:
    years = ("480p", "2016") if benchmark is Benchmark.DAVIS2016 else ("2017", "480p")
    lists = [root / "ImageSets" / year / f"{split}.txt" for year in years]
    path = next((path for path in lists if path.is_file()), None)
    if path is None:
        raise InputError(
            f"no list of the sequences of split '{split}': expected {' or '.join(map(str, lists))}; give the "
            "folder that holds JPEGImages, Annotations and ImageSets, and a split that it has"
        )
    listed = _read_sequence_list(path)
    return [_davis_sequence(root, benchmark, name, frames) for name, frames in listed.items()]


def _read_sequence_list(path: Path) -> dict[str, list[str]]:
    """Sequence names, each with the frames that the list names: none where it names sequences only."""
    listed: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip():
            continue
        image = PurePosixPath(line.split()[0])
        if image.parent.name:  # /JPEGImages/480p/blackswan/00000.jpg /Annotations/480p/blackswan/00000.png
            listed.setdefault(image.parent.name, []).append(image.stem)
        else:
            listed.setdefault(image.name, [])
    if not listed:
        raise InputError(f"the list {path} is empty; expected the name of a sequence on each line")
    return listed


def _davis_sequence(root: Path, benchmark: Benchmark, name: str, listed: Sequence[str]) -> BenchmarkSequence:
    images = _list_images(root / "JPEGImages" / RESOLUTION / name)
    folder = root / "Annotations" / RESOLUTION / name
    annotations = _list_annotations(folder)
    frames = tuple(path.stem for path in images)
    _expect_all(listed, frames, images[0].parent, images[0].suffix)
    _expect_all(annotations, frames, images[0].parent, images[0].suffix)
    _expect_all(frames[:1] if len(annotations) == 1 else frames, annotations, folder, ".png")
    return BenchmarkSequence(benchmark, name, images, annotations, results=frames)


def _read_youtube_vos(root: Path, split: str) -> list[BenchmarkSequence]:
    folders = [root, root / split, *([root / "valid"] if split == "val" else [])]
    folder = next((folder for folder in folders if (folder / "JPEGImages").is_dir()), None)
    if folder is None:
        expected = " or ".join(str(folder / "JPEGImages") for folder in folders)
        raise InputError(
            f"no frames of YouTube-VOS: expected {expected}; give the folder that holds meta.json"
        )
    return [
        _youtube_vos_sequence(folder, name, objects) for name, objects in _read_meta(folder / "meta.json")
    ]


def _read_meta(path: Path) -> list[tuple[str, dict[int, list[str]]]]:
    """Every video of `meta.json`, with the frames that it lists for each object."""
    try:
        videos = json.loads(path.read_text(encoding="utf-8"))["videos"]
        meta = [(name, _read_objects(video)) for name, video in sorted(videos.items())]
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; YouTube-VOS lists its objects there"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not the meta.json of YouTube-VOS ({type(error).__name__}: {error}); expected "
            '{"videos": {VIDEO: {"objects": {ID: {"frames": [FRAME, ...]}}}}}'
        ) from error
    if not meta:
        raise InputError(f"{path} lists no video")
    return meta


def _read_objects(video: Mapping[str, Any]) -> dict[int, list[str]]:
    return {int(key): list(map(str, entry["frames"])) for key, entry in video["objects"].items()}


def _youtube_vos_sequence(folder: Path, name: str, objects: Mapping[int, list[str]]) -> BenchmarkSequence:
    images = _list_images(folder / "JPEGImages" / name)
    annotations = _list_annotations(folder / "Annotations" / name)
    frames = tuple(path.stem for path in images)
    asked = {frame for listed in objects.values() for frame in listed}
    _expect_all(asked, frames, images[0].parent, images[0].suffix)
    _expect_all(annotations, frames, images[0].parent, images[0].suffix)
    entries = {object_id: min(map(frames.index, listed)) for object_id, listed in objects.items() if listed}
    if not entries:
        raise InputError(f"meta.json lists no frame of any object of video '{name}'")
    results = tuple(frame for frame in frames if frame in asked)
    return BenchmarkSequence(Benchmark.YOUTUBE_VOS, name, images, annotations, results, entries)


def _list_images(folder: Path) -> tuple[Path, ...]:
    paths = folder.iterdir() if folder.is_dir() else ()
    images = [path for path in paths if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    if not images:
        raise InputError(
            f"no frames in {folder}; expected images named by their number: 00000.jpg, 00001.jpg"
        )
    return tuple(sorted(images, key=natural_key))  # as `ImageFolder` has them


def _list_annotations(folder: Path) -> dict[str, Path]:
    annotations = {path.stem: path for path in sorted(folder.glob("*.png")) if path.name[0] != "."}
    if not annotations:
        raise InputError(f"no annotations in {folder}; at least the first frame's label map is needed")
    return annotations


def _expect_all(wanted: Iterable[str], there: Iterable[str], folder: Path, suffix: str) -> None:
    missing = sorted(set(wanted) - set(there))
    if missing:
        more = f" and {len(missing) - 1} more of its files" if len(missing) > 1 else ""
        raise InputError(f"{folder / (missing[0] + suffix)} is missing{more}; get the data set anew")

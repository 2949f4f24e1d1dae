"""Which data sets lie in a folder: recognised by their layouts, listed without decoding anything."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gcvos_model.errors import InputError
from gcvos_model.training.coco import find_coco_images
from gcvos_model.training.datasets import IMAGE_SUFFIXES, DataSet, ImagePair, TrainingData, VideoSequence

SET_WEIGHTS = {
    "eth80": 0.3,
    "caltech_cutout": 0.5,
}  # toys on blue; masks from plain backgrounds: fewer of them


def find_sets(root: Path) -> list[DataSet]:
    """The data sets in a folder.

    It may be one set: of images (`images/NAME.*` with `masks/NAME.*`), of COCO (`annotations/instances*.json`), of
    videos (`JPEGImages` with `Annotations`, as DAVIS and YouTube-VOS have them). Or it holds several: `static/SET`,
    `video/train` and YouTube-VOS's `train`; beside them `textures/` and `silhouettes/`.

    Raises:
        InputError: nothing of that is there.
    """
    sets = [found for folder in [root, *sorted(root.glob("static/*"))] for found in _image_sets(folder)]
    videos = {"video/train": root / "video" / "train", f"{root.name}/train": root / "train", root.name: root}
    sets += [DataSet(name, videos=tuple(find_sequences(folder, "train"))) for name, folder in videos.items()]
    sets += [
        DataSet("textures", textures=tuple(list_images(root / "textures"))),
        DataSet("silhouettes", silhouettes=tuple(list_images(root / "silhouettes"))),
    ]
    sets = [found for found in sets if found]
    if not any(found.images or found.videos for found in sets):
        raise InputError(
            f"no training data below '{root}': expected images/ with masks/, annotations/instances*.json, JPEGImages/ "
            "with Annotations/, or folders of such: static/SET, video/train"
        )
    return sets


def join_sets(sets: Sequence[DataSet]) -> TrainingData:
    """All sets together, images weighted by their sets."""
    images = [pair for found in sets for pair in found.images]
    weights = np.array([pair.weight for pair in images])
    return TrainingData(
        images=tuple(images),
        videos=tuple(video for found in sets for video in found.videos),
        textures=tuple(path for found in sets for path in found.textures),
        silhouettes=tuple(path for found in sets for path in found.silhouettes),
        image_weights=weights / weights.sum() if len(weights) else weights,
        names=tuple(found.name for found in sets if found.images or found.videos),
    )


def find_training_data(*roots: Path) -> TrainingData:
    """The sets of several folders, joined.

    Raises:
        InputError: there are neither images nor videos with masks in one of them.
    """
    return join_sets([found for root in roots for found in find_sets(root)])


def list_images(folder: Path) -> list[Path]:
    """The image files below a folder, in order; none where it is absent."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )


def find_image_pairs(folder: Path) -> list[ImagePair]:
    """Pairs of `folder/images/NAME.*` and `folder/masks/NAME.*`; an image without a mask is left out."""
    masks = {path.stem: path for path in list_images(folder / "masks")}
    weight = SET_WEIGHTS.get(folder.name, 1.0)
    return [
        ImagePair(path, masks[path.stem], weight)
        for path in list_images(folder / "images")
        if path.stem in masks
    ]


def find_sequences(root: Path, split: str) -> list[VideoSequence]:
    """Sequences of a DAVIS or YouTube-VOS layout: frames in `JPEGImages`, masks of the same names in `Annotations`.

    Where DAVIS has several resolutions, 480p is taken; where `ImageSets` has lists, the sequences of those of
    `split` ('train' or 'val'), so that what is for validation is never trained on. Frames without a mask are left out
    (YouTube-VOS annotates every fifth), and sequences with fewer than two.
    """
    frames_root, masks_root = root / "JPEGImages", root / "Annotations"
    if (frames_root / "480p").is_dir():
        frames_root, masks_root = frames_root / "480p", masks_root / "480p"
    wanted = listed_sequences(root, split)
    sequences = []
    for folder in sorted({path.parent for path in list_images(frames_root)}):
        if wanted is not None and folder.name not in wanted:
            continue
        masks = {path.stem: path for path in list_images(masks_root / folder.relative_to(frames_root))}
        frames = [path for path in list_images(folder) if path.stem in masks]
        if len(frames) >= 2:
            sequences.append(VideoSequence(folder.name, tuple(frames), tuple(masks[p.stem] for p in frames)))
    return sequences


def listed_sequences(root: Path, split: str) -> set[str] | None:
    """The sequences that DAVIS's lists `ImageSets/*/SPLIT.txt` name; None where there are no lists at all."""
    lists = sorted((root / "ImageSets").glob("*/*.txt"))
    if not lists:
        return None
    lines = [
        line.split()[0]
        for path in lists
        if path.stem == split
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    # A line is a sequence's name, or a frame and its mask: /JPEGImages/480p/bear/00000.jpg /Annotations/...
    return {line.split("/")[-2] if "/" in line else line for line in lines}


def _image_sets(folder: Path) -> list[DataSet]:
    pairs = find_image_pairs(folder)
    weight = SET_WEIGHTS.get(folder.name, 1.0)
    coco = [ImagePair(image, mask, weight) for image, mask in find_coco_images(folder)]
    return [DataSet(folder.name, images=tuple(found)) for found in (pairs, coco)]

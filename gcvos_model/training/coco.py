"""COCO instances: `annotations/instances_SPLIT.json` beside the images, read by pycocotools."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import InputError

MOST_OBJECTS = 255  # ids are bytes


@dataclass(frozen=True, eq=False)
class CocoMask:
    """The instances of one image as COCO's compressed run lengths, large ones first: small ones lie in front."""

    image: str  # the file's name in the annotations
    height: int
    width: int
    instances: tuple[dict[str, Any], ...]

    def labels(self) -> NDArray[np.uint8]:
        """The index mask `(H, W)`, objects from 1."""
        from pycocotools import mask as coco_mask

        labels = np.zeros((self.height, self.width), np.uint8)
        for i, instance in enumerate(self.instances, start=1):
            labels[coco_mask.decode(instance) > 0] = i
        return labels


def find_coco_images(folder: Path) -> list[tuple[Path, CocoMask]]:
    """Images and their instances of a COCO folder: `annotations/*.json`, of other kinds than instances left alone.

    Images lie in `SPLIT/` where the file is `instances_SPLIT.json`, else in `images/SPLIT/`, `images/` or the folder.
    Crowds are left out, and images that have nothing else.

    Raises:
        InputError: a file of annotations is not one of COCO instances; the message says where.
    """
    pairs: list[tuple[Path, CocoMask]] = []
    for path in sorted((folder / "annotations").glob("instances*.json")):
        split = path.stem.removeprefix("instances").lstrip("_")
        places = [folder / split, folder / "images" / split, folder / "images", folder]
        pairs += [(_find_image(places, mask.image, path), mask) for mask in read_instances(path)]
    return pairs


def read_instances(path: Path) -> list[CocoMask]:
    """The images of a file of COCO instances, in the file's order.

    Raises:
        InputError: it is not JSON, or not of COCO instances.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        by_image = defaultdict(list)
        for annotation in content["annotations"]:
            if not annotation.get("iscrowd", 0):
                by_image[annotation["image_id"]].append(annotation["segmentation"])
        return [
            _mask_of(image, by_image[image["id"]]) for image in content["images"] if by_image[image["id"]]
        ]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"'{path}' is not a file of COCO instances ({type(error).__name__}: {error}): expected images with id, "
            "file_name, height and width, and annotations with image_id and segmentation"
        ) from error


def _mask_of(image: dict[str, Any], segmentations: list[Any]) -> CocoMask:
    from pycocotools import mask as coco_mask

    height, width = int(image["height"]), int(image["width"])
    instances = [_run_lengths(segmentation, height, width) for segmentation in segmentations]
    areas = [float(coco_mask.area(instance)) for instance in instances]
    order = sorted(range(len(instances)), key=lambda i: -areas[i])[:MOST_OBJECTS]
    return CocoMask(image["file_name"], height, width, tuple(instances[i] for i in order))


def _run_lengths(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """Polygons, plain or compressed run lengths as compressed ones."""
    from pycocotools import mask as coco_mask

    if isinstance(segmentation, list):
        return dict(coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width)))
    if segmentation["size"] != [height, width]:
        raise ValueError(f"a segmentation of size {segmentation['size']} in an image of {[height, width]}")
    if isinstance(segmentation["counts"], list):
        return dict(coco_mask.frPyObjects(segmentation, height, width))
    return dict(segmentation)


def _find_image(places: list[Path], name: str, annotations: Path) -> Path:
    for place in places:
        if (place / name).is_file():
            return place / name
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise InputError(f"{annotations} names the image '{name}', which is in none of: {looked}")

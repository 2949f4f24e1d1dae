"""A finished result folder in other forms: COCO run lengths, polygons."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError
from gcvos_model.masks import object_masks, read_label_png, tight_box
from gcvos_model.polygons import mask_to_polygons
from gcvos_model.result_folder import ResultFolder
from gcvos_model.run_lengths import encode_rle
from gcvos_model.video import FrameSource

FORMATS = ("png", "coco", "polygons")


def check_format(name: str) -> None:
    """Raise InputError for a format that is not one of `FORMATS`."""
    if name not in FORMATS:
        raise InputError(f"unknown format '{name}': expected {', '.join(FORMATS)}")


def export(folder: ResultFolder, source: FrameSource, name: str) -> Path | None:
    """Write `annotations.json` (coco) or `polygons.json` beside the PNGs; `png` needs nothing more.

    COCO: one image per frame, one annotation per object and frame with compressed run lengths, the object's id as
    `track_id` and its confidence as `score`. Polygons: per frame and object its rings `[[x, y], ...]` in pixels.

    Returns:
        The file, or None.
    """
    if name == "png":
        return None
    lines = sorted(folder.lines, key=lambda line: line["frame"])
    if name == "coco":
        path, content = folder.path / "annotations.json", coco(folder, lines, source)
    else:
        path = folder.path / "polygons.json"
        content = {"frames": [polygons_of(folder, line) for line in lines]}
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(path)
    return path


def coco(folder: ResultFolder, lines: list[dict[str, Any]], source: FrameSource) -> dict[str, Any]:
    """The COCO document of a run."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for line in lines:
        labels = read_label_png(folder.path / line["file"])
        name = source.names[line["frame"]] if source.names else line["file"]
        image = {"id": line["frame"], "file_name": name, "height": labels.shape[0], "width": labels.shape[1]}
        images.append(image)
        for annotation in coco_annotations(line, labels):
            annotations.append({"id": len(annotations) + 1, **annotation})
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}


def coco_annotations(line: dict[str, Any], labels: Any) -> Iterator[dict[str, Any]]:
    """The annotations of one frame, without their ids."""
    for object_id, mask in object_masks(labels).items():
        box = tight_box(mask)
        assert box is not None
        yield {
            "image_id": line["frame"],
            "category_id": 1,
            "track_id": object_id,
            "segmentation": encode_rle(mask, compressed=True),
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "area": int(mask.sum()),
            "iscrowd": 0,
            "score": line["objects"].get(str(object_id), {}).get("confidence", 1.0),
        }


def polygons_of(folder: ResultFolder, line: dict[str, Any]) -> dict[str, Any]:
    """One frame's polygons."""
    labels = read_label_png(folder.path / line["file"])
    objects = {
        str(object_id): [ring.tolist() for ring in mask_to_polygons(mask)]
        for object_id, mask in object_masks(labels).items()
    }
    return {"frame": line["frame"], "objects": objects}

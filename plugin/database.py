"""Labels of a sequence, read from and written to MongoDB frame by frame.

FiftyOne's public ways look up all frames of a video in one document, which MongoDB limits to 16 MB, or load
every frame into memory. Here only the frames that matter are touched. This is the one module that uses names of
FiftyOne that are not public; they are gathered in `_collection` and `_write`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, TypeVar

import fiftyone as fo
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, NetworkTimeout
from pymongo.write_concern import WriteConcern

from .sequences import Sequence

Document = dict[str, Any]
Value = TypeVar("Value")

PATIENCE = 180.0  # seconds for which a database that has gone away is waited for


def label_documents(
    dataset: fo.Dataset,
    sequence: Sequence,
    field: str,
    indices: list[int] | None = None,
    *,
    masks: bool = True,
) -> Iterator[tuple[int, Document]]:
    """Yield (index, label document) of the frames that have labels in a field, ascending.

    Args:
        dataset: the dataset that owns the samples.
        sequence: where to look; frames outside of its range are passed over.
        field: the label field, without `frames.`.
        indices: only these frames; None for all.
        masks: whether the documents carry their masks and points, which are most of their bytes.
    """
    index_of = _indexer(sequence)
    pipeline: list[Document] = [
        {"$match": {**_match(sequence, indices), field: {"$ne": None}}},
        {"$sort": {_order(sequence): 1}},
        {"$project": {field: 1, "frame_number": 1}},
    ]
    if not masks:
        heavy = ("detections.mask", "polylines.points", "mask", "points")
        pipeline.append({"$project": {f"{field}.{name}": 0 for name in heavy}})
    documents = patiently(lambda: _collection(dataset, sequence).aggregate(pipeline))
    found = (
        (index, d[field]) for d in documents if (index := index_of(d)) is not None and sequence.covers(index)
    )
    # Images are kept in the order of their ids, not of time.
    yield from found if sequence.is_video else sorted(found, key=lambda pair: pair[0])


def write_frames(
    dataset: fo.Dataset,
    sequence: Sequence,
    frames: Mapping[int, Mapping[str, Any]],
    tags: Mapping[int, str] | None = None,
) -> None:
    """Set fields on frames: each frame whole or not at all, frames that have no document yet included.

    Args:
        dataset: the dataset that owns the samples.
        sequence: whose frames they are.
        frames: index to {field: value as MongoDB keeps it}.
        tags: for images: index to a tag to add.
    """
    now = datetime.now(timezone.utc)
    operations = []
    for index, fields in frames.items():
        change: Document = {"$set": {**fields, "last_modified_at": now}}
        if tags and index in tags:
            change["$addToSet"] = {"tags": tags[index]}
        if sequence.is_video:
            change["$setOnInsert"] = {"_dataset_id": dataset._doc.id, "created_at": now}
        operations.append(UpdateOne(_key(sequence, index), change, upsert=sequence.is_video))
    if operations:
        patiently(lambda: _write(dataset, sequence, operations))


def update_sample(dataset: fo.Dataset, sample_id: str, change: Document | list[Document]) -> None:
    """Apply one MongoDB update, such as `{"$addToSet": {"tags": ...}}`, or an update pipeline, to a sample."""
    operations = [UpdateOne({"_id": ObjectId(sample_id)}, change)]
    patiently(lambda: dataset._bulk_write(operations, ids=[sample_id]))


def patiently(action: Callable[[], Value]) -> Value:
    """Do something with the database, again while the database is away.

    Only for what may be done twice, because the answer can be lost after the deed.
    """
    give_up, pause = time.monotonic() + PATIENCE, 0.2
    while True:
        try:
            return action()
        except (AutoReconnect, NetworkTimeout):  # ServerSelectionTimeoutError is an AutoReconnect too
            if time.monotonic() > give_up:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 5)


def reload(dataset: fo.Dataset) -> None:
    """Let samples and frames that the caller holds in memory show what has been written."""
    dataset._bulk_write([], frames=True)
    dataset._bulk_write([])
    dataset.reload()


def _collection(dataset: fo.Dataset, sequence: Sequence) -> Any:
    return dataset._frame_collection if sequence.is_video else dataset._sample_collection


def _write(dataset: fo.Dataset, sequence: Sequence, operations: list[UpdateOne]) -> None:
    # Not by FiftyOne's own bulk write: its answer comes before the journal is on disk, and a database that dies in
    # that tenth of a second has lost what it said it had. What FiftyOne holds in memory is reloaded once, at the end.
    journaled = _collection(dataset, sequence).with_options(write_concern=WriteConcern(j=True))
    journaled.bulk_write(operations, ordered=False)


def _key(sequence: Sequence, index: int) -> Document:
    if sequence.is_video:
        return {"_sample_id": ObjectId(sequence.sample_id), "frame_number": sequence.number(index)}
    return {"_id": ObjectId(sequence.image_ids[index])}


def _match(sequence: Sequence, indices: list[int] | None) -> Document:
    if sequence.is_video:
        match: Document = {"_sample_id": ObjectId(sequence.sample_id)}
        if indices is not None:
            match["frame_number"] = {"$in": [sequence.number(index) for index in indices]}
        return match
    wanted = range(len(sequence.image_ids)) if indices is None else indices
    return {"_id": {"$in": [ObjectId(sequence.image_ids[index]) for index in wanted]}}


def _order(sequence: Sequence) -> str:
    return "frame_number" if sequence.is_video else "_id"


def _indexer(sequence: Sequence) -> Callable[[Document], int | None]:
    """Return what gives a document's index in the sequence, None where it has none."""
    if not sequence.is_video:
        places = {ObjectId(sample_id): index for index, sample_id in enumerate(sequence.image_ids)}
        return lambda document: places.get(document["_id"])
    if sequence.numbers:
        numbered = {number: index for index, number in enumerate(sequence.numbers)}
        return lambda document: numbered.get(document["frame_number"])
    return lambda document: int(document["frame_number"]) - 1


def run_documents(
    dataset: fo.Dataset,
    field: str,
    run_key: str,
    frames: bool,
    where: Document | None = None,
    ids: bool = False,
) -> Iterator[Document]:
    """Yield the label documents of all frames (or samples) that hold labels of a run.

    Args:
        dataset: whose.
        field: the label field.
        run_key: the run's mark.
        frames: whether the labels are on frames, not on samples.
        where: what one of its labels must fulfil; None for any.
        ids: yield the whole documents' ids instead.
    """
    one = where or {"run": run_key}
    match = {
        "$or": [{f"{field}.detections": {"$elemMatch": one}}, {f"{field}.{k}": v for k, v in one.items()}]
    }
    kept = {"_id": 1} if ids else {field: 1}
    lighter: list[Document] = (
        [] if ids else [{"$project": {f"{field}.detections.mask": 0, f"{field}.mask": 0}}]
    )
    collection = dataset._frame_collection if frames else dataset._sample_collection
    for document in patiently(
        lambda: collection.aggregate([{"$match": match}, {"$project": kept}, *lighter])
    ):
        yield document if ids else document[field]


def remove_run_labels(dataset: fo.Dataset, field: str, run_key: str, frames: bool) -> None:
    """Remove the labels of a run from a field; where none of others is left, the field becomes null."""
    collection = dataset._frame_collection if frames else dataset._sample_collection
    others = {"$filter": {"input": f"${field}.detections", "cond": {"$ne": ["$$this.run", run_key]}}}
    kept = {"$mergeObjects": [f"${field}", {"detections": others}]}
    now = datetime.now(timezone.utc)
    detections = [
        {"$set": {field: {"$cond": [{"$eq": [others, []]}, None, kept]}, "last_modified_at": now}},
    ]
    patiently(lambda: collection.update_many({f"{field}.detections.run": run_key}, detections))
    maps = {"$set": {field: None, "last_modified_at": now}}
    patiently(lambda: collection.update_many({f"{field}.run": run_key}, maps))

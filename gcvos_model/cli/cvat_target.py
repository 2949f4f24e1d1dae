"""A task or a job on a CVAT server, for `gcvos cvat`: what it holds, its frames, and annotations put into it.

A request is tried again where the connection broke. Reading again is harmless; before annotations are sent
again, the server is asked whether they have arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import urllib3.exceptions
from cvat_sdk import Client, models
from cvat_sdk.api_client import exceptions
from cvat_sdk.core.helpers import get_paginated_collection

from gcvos_model.errors import GCVOSError, InputError, MediaError

RETRY_DELAYS = (1.0, 3.0, 9.0)
"""Seconds to wait before each further attempt (beside the short ones of the SDK itself)."""

TIMEOUT = (10.0, 120.0)
"""Seconds to connect, and to wait for an answer."""

BROKEN = (urllib3.exceptions.HTTPError, exceptions.ServiceException, OSError)
"""What may pass: the connection, a proxy, or the server failed."""

Result = TypeVar("Result")


class ServerError(GCVOSError):
    """The CVAT server cannot be reached, or fails, and goes on failing."""


class CvatTarget:
    """One task or job: its frames, labels and annotations.

    Attributes:
        name: "task 12" or "job 34".
        frames: the numbers of the frames that exist, ascending, as CVAT counts them within the task (a task's
            frame step does not show in them); deleted frames are left out.
        last_frame: the last frame number of the task or job, be it deleted.
        labels: by their ids.
    """

    def __init__(self, client: Client, *, task: int | None = None, job: int | None = None) -> None:
        """Look the task or the job up.

        Raises:
            InputError: Not exactly one of them is given, it is not there, or its frames are no clip.
            ServerError: The server goes on failing.
        """
        if (task is None) == (job is None):
            raise InputError("give either a task or a job")
        self.name = f"job {job}" if task is None else f"task {task}"
        self._id = job if task is None else task
        self._api: Any = client.api_client.jobs_api if task is None else client.api_client.tasks_api
        entity, _ = self._read(self._api.retrieve, self._id)
        if entity.dimension != "2d":
            raise InputError(f"{self.name} holds {entity.dimension} data; expected images or a video")
        meta, _ = self._read(self._api.retrieve_data_meta, self._id)
        if task is None and meta.included_frames:
            raise InputError(
                f"{self.name} holds single frames picked from its task (a ground truth job), which are no clip; "
                "take another job of the task"
            )
        first, last = (0, entity.size - 1) if task is not None else (entity.start_frame, entity.stop_frame)
        deleted = set(meta.deleted_frames)
        self.last_frame = last
        self.frames = [number for number in range(first, last + 1) if number not in deleted]
        labels = self._read(
            get_paginated_collection,
            client.api_client.labels_api.list_endpoint,
            org_id=entity.organization,
            **{"job_id" if task is None else "task_id": self._id},
        )
        self.labels: dict[int, models.ILabel] = {label.id: label for label in labels}

    def annotations(self) -> models.ILabeledData:
        """Return all annotations of the task or job."""
        return self._read(self._api.retrieve_annotations, self._id)[0]

    def image(self, number: int, quality: str) -> bytes:
        """Fetch the image file of one frame by its number; `quality` is "original" or "compressed".

        Raises:
            MediaError: It cannot be fetched.
        """
        try:
            _, response = self._read(
                self._api.retrieve_data, self._id, number=number, quality=quality, type="frame"
            )
        except GCVOSError as error:
            raise MediaError(f"frame {number} cannot be fetched: {error}") from None
        return bytes(response.data)

    def create(
        self, data: models.PatchedLabeledDataRequest, arrived: Callable[[models.ILabeledData], bool]
    ) -> None:
        """Add annotations, once, whatever becomes of the answer.

        Args:
            data: What to add; what is there stays as it is.
            arrived: Tells whether annotations that were fetched from the server hold `data`.

        Raises:
            InputError: The server refuses them.
            ServerError: The server goes on failing, and they are not there.
        """
        for _ in range(1 + len(RETRY_DELAYS)):
            try:
                self._api.partial_update_annotations(
                    action="create", id=self._id, patched_labeled_data_request=data, _request_timeout=TIMEOUT
                )
                return
            except BROKEN as error:
                cause = describe(error)
            except exceptions.ApiException as error:
                raise InputError(
                    f"{self.name}: the server refuses the annotations: {describe(error)}"
                ) from None
            # The server may still be at work on what it has received, so it is given time before it is sent
            # again.
            for delay in RETRY_DELAYS:
                time.sleep(delay)
                if arrived(self.annotations()):
                    return
        raise ServerError(f"{self.name}: the annotations could not be sent: {cause}")

    def _read(self, read: Callable[..., Result], *arguments: Any, **parameters: Any) -> Result:
        """Call a reading function of the SDK, again and again where the connection broke."""
        for delay in (*RETRY_DELAYS, None):
            try:
                return read(*arguments, _request_timeout=TIMEOUT, **parameters)
            except BROKEN as error:
                if delay is None:
                    raise ServerError(f"{self.name}: the server does not answer: {describe(error)}") from None
                time.sleep(delay)
            except exceptions.ApiException as error:
                raise InputError(f"{self.name}: the server answers {describe(error)}") from None
        raise AssertionError("the last attempt returns or raises")


def describe(error: Exception) -> str:
    """One line for an error of the SDK, whose own text is the whole response with all its headers."""
    if isinstance(error, exceptions.ApiException):
        body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
        return f"{error.status} {error.reason} {' '.join(body.split())[:200]}".strip()
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"

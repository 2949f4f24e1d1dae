"""Sending annotations to CVAT; what could not be sent is kept in a file, to be sent later."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvat_sdk import models
from cvat_sdk.api_client import ApiClient

from gcvos_model.cli.cvat_target import CvatTarget, ServerError
from gcvos_model.cli.cvat_tracks import count_copies
from gcvos_model.errors import InputError
from gcvos_model.files import write_atomic

FORMAT = "gcvos-unsent-1"


def send_all(
    target: CvatTarget,
    requests: Sequence[models.PatchedLabeledDataRequest],
    before: models.ILabeledData,
    keep: Path,
) -> None:
    """Add annotations one request after the other, each of them once.

    Args:
        target: The task or job.
        requests: What to add, as `data_requests` makes it.
        before: The annotations that were there at first, by which those of ours are told from like ones.
        keep: Where to keep what could not be sent.

    Raises:
        ServerError: The server refuses a request, or goes on failing; that one and the rest are kept.
    """
    for number, data in enumerate(requests):
        copies = count_copies(data, before)
        try:
            target.create(data, lambda now, data=data, copies=copies: count_copies(data, now) > copies)  # type: ignore[misc]
        except (ServerError, InputError) as error:
            keep_unsent(keep, target, requests[number:])
            raise ServerError(
                f"{error}; {number} of {len(requests)} requests were sent, the rest is in {keep}: "
                f"send it with: gcvos cvat send {keep}"
            ) from None


def keep_unsent(path: Path, target: CvatTarget, requests: Sequence[models.PatchedLabeledDataRequest]) -> None:
    """Write requests to a JSON file, in the form of CVAT's REST interface."""
    serialize = ApiClient.sanitize_for_serialization
    content = {"format": FORMAT, "target": target.name, "requests": [serialize(data) for data in requests]}
    write_atomic(path, json.dumps(content).encode())


def read_unsent(path: Path) -> tuple[dict[str, int], list[models.PatchedLabeledDataRequest]]:
    """Read what `keep_unsent` wrote.

    Returns:
        {"task": id} or {"job": id}, and the requests.

    Raises:
        InputError: Not such a file.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, expected {FORMAT!r}")
        kind, _, number = content["target"].partition(" ")
        requests = [
            models.PatchedLabeledDataRequest._from_openapi_data(**data) for data in content["requests"]
        ]
        return {kind: int(number)}, requests
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {path}: {error}; expected a file that `gcvos cvat track` kept"
        ) from None

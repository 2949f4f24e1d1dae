"""Asking CVAT's tracker function over HTTP: where it is deployed, or in a process that is started for it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError
from gcvos_model.evaluation.serverless_benchmark import Call

DEFAULT_FOLDER = Path(__file__).parents[2] / "serverless" / "gcvos" / "nuclio"
"""Where it is in a checkout; it is no part of the package."""

TIMEOUT = 600.0
"""Seconds: CVAT would wait 120, but a machine that is busy otherwise is to be measured too."""


def call_url(url: str) -> Call:
    """Ask a function that runs, such as http://localhost:32768."""

    def call(body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()
        except OSError as error:
            raise InputError(f"the function at {url} does not answer: {error}") from None

    return call


@contextmanager
def serve_folder(folder: Path, settings: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Run the function in a folder in a process of its own, as `serverless_worker` does.

    Args:
        folder: Holds `main.py`.
        settings: Environment variables to initialise it with.

    Yields:
        `url`, and `resident`: bytes of memory that it has when ready (None where the system does not tell).

    Raises:
        InputError: There is no function in the folder, or it does not start with these settings.
    """
    if not (folder / "main.py").is_file():
        raise InputError(
            f"there is no {folder / 'main.py'}; give the folder serverless/gcvos/nuclio of a checkout of gcvos"
        )
    command = [sys.executable, "-m", "gcvos_model.cli.serverless_worker", str(folder)]
    environment = {**os.environ, "GCVOS_LOG_LEVEL": "warn", **settings}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            ready: dict[str, Any] = json.loads(line or '{"error": "its process ended"}')
            if "error" in ready:
                raise InputError(f"the function does not start: {ready['error']}")
            yield ready
        finally:
            process.kill()

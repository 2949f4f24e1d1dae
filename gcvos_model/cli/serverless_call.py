"""Asking CVAT's tracker function: in this process, from its folder, or over HTTP where it is deployed."""

import importlib.util
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from gcvos_model.errors import InputError
from gcvos_model.evaluation.serverless_benchmark import Call

DEFAULT_FOLDER = Path(__file__).parents[2] / "serverless" / "gcvos" / "nuclio"
"""Where it is in a checkout; it is no part of the package."""

TIMEOUT = 120.0


def call_url(url: str) -> Call:
    """Ask a deployed function, such as http://localhost:32768."""

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


def call_folder(folder: Path, settings: Mapping[str, str]) -> Call:
    """Load the function from its folder and ask it in this process, by nuclio's own SDK.

    Args:
        folder: Holds `main.py`.
        settings: Environment variables to initialise it with.

    Raises:
        InputError: There is no function in the folder.
    """
    import nuclio_sdk  # type: ignore[import-untyped]

    file = folder / "main.py"
    if not file.is_file():
        raise InputError(
            f"there is no {file}; give the folder serverless/gcvos/nuclio of a checkout of gcvos"
        )
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("gcvos_function_main", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    logger = nuclio_sdk.Logger("WARNING")
    logger.set_handler("default", sys.stderr, nuclio_sdk.logger.HumanReadableFormatter())
    context = nuclio_sdk.Context(logger)
    before = dict(os.environ)
    os.environ.update({"GCVOS_LOG_LEVEL": "warn", **settings})
    try:
        module.init_context(context)
    finally:
        os.environ.clear()
        os.environ.update(before)

    def call(body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        # nuclio's wrapper parses the JSON before the handler is called
        parsed = nuclio_sdk.event._EventDeserializer._try_deserialize_json(body)
        response = module.handler(context, nuclio_sdk.Event(body=parsed, content_type="application/json"))
        return response.status_code, response.headers, response.body.encode()

    return call

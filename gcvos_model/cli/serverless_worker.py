"""CVAT's tracker function behind HTTP, alone in its process as in a worker of nuclio, for the benchmark.

    python -m gcvos_model.cli.serverless_worker FOLDER

reads the function's settings from the environment, writes one line of JSON when it is ready, and ends with
its standard input.
"""

import importlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import nuclio_sdk  # type: ignore[import-untyped]

from gcvos_model.errors import GCVOSError
from gcvos_model.evaluation.peak_memory import peak_memory, reset_peak_memory, resident_memory

PEAK_MEMORY = "Peak-Memory"
"""Header of an answer: the most memory that this process (on a GPU: its tensors) had at once, in bytes."""

WORKER_TIME = "Worker-Time"
"""Header of an answer: milliseconds from the request's bytes to the answer's, without HTTP."""


def main(folder: str) -> None:
    """Initialise the function in `folder`, say where it is, or why not, and answer until the input ends."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.path.insert(0, folder)
    module = importlib.import_module("main")
    logger = nuclio_sdk.Logger("WARNING")
    logger.set_handler("default", sys.stderr, nuclio_sdk.logger.HumanReadableFormatter())
    context = nuclio_sdk.Context(logger)
    try:
        module.init_context(context)
    except GCVOSError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    server = HTTPServer(("127.0.0.1", 0), _handler_of(module, context))
    ready = {"url": f"http://127.0.0.1:{server.server_port}/", "resident": resident_memory()}
    print(json.dumps(ready), flush=True)
    server.serve_forever()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _handler_of(module: Any, context: Any) -> type[BaseHTTPRequestHandler]:
    device = str(context.user_data.tracker.model.device)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reset_peak_memory(device)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            start = time.perf_counter()
            # nuclio's wrapper parses the JSON before the handler is called
            parsed = nuclio_sdk.event._EventDeserializer._try_deserialize_json(body)
            event = nuclio_sdk.Event(body=parsed, content_type="application/json")
            response = module.handler(context, event)
            content = response.body.encode()
            headers = {
                **response.headers,
                WORKER_TIME: (time.perf_counter() - start) * 1000,
                PEAK_MEMORY: peak_memory(device),
                "Content-Length": len(content),
            }
            self.send_response(response.status_code)
            for name, value in headers.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing of a request."""

    return Handler


if __name__ == "__main__":
    main(sys.argv[1])

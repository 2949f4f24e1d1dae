"""A measurement in a process of its own: nothing that was loaded or measured before is in its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gcvos_model.errors import GCVOSError, InputError


def call_in_fresh_process(function: str, arguments: Mapping[str, Any], threads: int = 0) -> dict[str, Any]:
    """Call a function in a new Python process.

    Args:
        function: as `package.module:function`.
        arguments: its keywords, and all of them what JSON can hold. Beside them it gets `torch_bytes`: what was
            resident there after `import torch` alone, or None where the system does not tell.
        threads: of the libraries that compute there; 0: their own choice.

    Returns:
        What the function returns: a dictionary that JSON can hold.

    Raises:
        InputError: what the function raised on purpose.
        GCVOSError: the process died.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)} if threads else None
    command = [sys.executable, "-m", "gcvos_model.evaluation.fresh_process", function]
    run = subprocess.run(
        command, input=json.dumps(dict(arguments)), capture_output=True, text=True, env=environment
    )
    if run.returncode != 0:
        said = run.stderr.strip().splitlines()[-1:] or ["it said nothing; the system may have lacked memory"]
        raise GCVOSError(f"the measuring process ended with code {run.returncode}: {said[0]}")
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    if "error" in answer:
        raise InputError(answer["error"])
    return answer


def main() -> None:
    """Read arguments from standard input, call the function, write its answer as the last line."""
    import torch  # noqa: F401 - before anything else that is large

    from gcvos_model.evaluation.peak_memory import resident_memory

    torch_bytes = resident_memory()
    arguments = json.load(sys.stdin)
    module, _, name = sys.argv[1].partition(":")
    try:
        answer = getattr(import_module(module), name)(**arguments, torch_bytes=torch_bytes)
    except GCVOSError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

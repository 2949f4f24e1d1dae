"""Writing files so that a reader never sees half of one."""

import os
import uuid
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file: `path` holds its old content or all of `data`, also when the process is killed.

    The bytes go to a temporary file in the same folder (a rename is atomic only within one file system),
    which then takes the name. The folder must exist.

    Raises:
        OSError: the folder is absent or read-only, or the disk is full; no temporary file stays behind.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

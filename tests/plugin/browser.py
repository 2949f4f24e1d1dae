"""FiftyOne's App server, Chromium, and what the tests of the App do in it.

Every wait is for something that can be seen, none for a time, so a slow machine only makes it slower.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fiftyone_server import FIFTYONE, free_port

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves the machine
]
PATIENCE = 300.0  # seconds for anything to happen
VIEWPORT = {"width": 1400, "height": 900}

# The App knows this flag and leaves out its pop-overs and its analytics. What it shows while the operator runs is
# gone when the operator ends, so each text with a frame number is noted when it appears.
SCRIPT = r"""
window.IS_PLAYWRIGHT = true;
window.progressSeen = [];
new MutationObserver((changes) => {
    for (const change of changes) {
        const text = change.target.textContent || "";
        const found = text.length < 2000 && text.match(/\S+ \(\d+\/\d+\): frame \d+(\/\d+)?/);
        if (found) window.progressSeen.push(found[0]);
    }
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


class Server:
    """The App's server in a process of its own; it starts while other things go on."""

    def __init__(self, log: Path) -> None:
        assert FIFTYONE is not None
        assert FIFTYONE.origin is not None
        self.url, self.log = f"http://127.0.0.1:{(port := free_port())}", log
        main = Path(FIFTYONE.origin).parent / "server" / "main.py"
        command = [sys.executable, str(main), "--port", str(port), "--address", "127.0.0.1"]
        environment = {**os.environ, "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "false"}
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

    def wait(self) -> None:
        """Wait until it answers."""
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the App's server ended:\n{self.log.read_text()[-2000:]}"
        try:
            urllib.request.urlopen(f"{self.url}/fiftyone", timeout=30).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come to that in {seconds:.0f} s"
        time.sleep(0.1)


def field(form: Any, label: str) -> Any:
    """Return the input below a label of a form."""
    return form.locator(f"xpath=.//*[normalize-space(text())='{label}']/following::input[1]").first


def picture_of(locator: Any) -> np.ndarray:
    """Return what is seen of something, (H, W, 3)."""
    import cv2

    return cv2.imdecode(np.frombuffer(locator.screenshot(), np.uint8), cv2.IMREAD_COLOR)


def share_of(colours: list[tuple[int, int, int]], locator: Any) -> float:
    """Return the share of what is seen of something that has about one of these colours (RGB)."""
    pixels = picture_of(locator)[:, :, ::-1].astype(int)
    near = [np.abs(pixels - colour).max(axis=2) < 40 for colour in colours]
    return float(np.mean(np.any(near, axis=0)))


def save_evidence(page: Any, folder: Path, name: str, server: Server, console: list[str]) -> Path:
    """Keep what helps to find out why a test failed: a picture, the page's text, the console, the server's log."""
    page.screenshot(path=str(folder / f"{name}.png"))
    report = "\n".join(
        [page.locator("body").inner_text(), "--- console", *console, "--- server", server.log.read_text()]
    )
    (folder / f"{name}.txt").write_text(report)
    return folder / f"{name}.png"

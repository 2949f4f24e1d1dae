"""What a worker of `gcvos cluster` does with one video: `gcvos propagate --resume`, without its printing."""

import io
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcvos_model.cluster.manifest import Video
from gcvos_model.errors import GCVOSError

if TYPE_CHECKING:
    from gcvos_model.network.network import GCNetwork


@dataclass(frozen=True)
class Settings:
    """What holds for all videos; the paths mean the same on every machine."""

    out: Path
    model: str
    device: str
    precision: str
    short_side: int
    threads: int


class VideoWorker:
    """An actor: loads the model once, then takes one video after the other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.network: GCNetwork | None = None

    def run(self, video: Video) -> dict[str, Any]:
        """Propagate one video into `OUT/NAME`, going on where an earlier run of it stopped.

        Returns:
            The report's line: `status` is `done`, `skipped` (an earlier run had finished it) or `failed`, with the
            reason in `error`.
        """
        started = time.perf_counter()
        line: dict[str, Any] = {"video": video.name, "worker": f"{platform.node()}:{os.getpid()}"}
        try:
            line |= propagate_video(video, self.settings, self._network())
        except (GCVOSError, OSError) as error:
            line |= {"status": "failed", "error": str(error)}
        return {**line, "seconds": round(time.perf_counter() - started, 2)}

    def _network(self) -> "GCNetwork":
        """The model, loaded when the first video comes, so that what is wrong with it is reported."""
        if self.network is None:
            import cv2
            import torch

            from gcvos_model.checkpoints import load_model

            torch.set_num_threads(self.settings.threads)
            cv2.setNumThreads(self.settings.threads)
            self.network = load_model(
                self.settings.model, device=self.settings.device, precision=self.settings.precision
            )
        return self.network


def propagate_video(video: Video, settings: Settings, network: "GCNetwork") -> dict[str, Any]:
    """Propagate one video forward from its masks.

    Returns:
        `status`, `frames` (how many there are) and, where it stopped on the way, `error`.

    Raises:
        GCVOSError, OSError: the video or a mask cannot be used, or the results cannot be written.
    """
    from rich.console import Console

    from gcvos_model.cli.prompt_options import read_prompts
    from gcvos_model.cli.propagate import Job, describe, write_frames
    from gcvos_model.directions import check_prompts
    from gcvos_model.result_folder import ResultFolder
    from gcvos_model.video import EveryNth, open_source

    frames = EveryNth(open_source(video.source), 1, 0)
    prompts = read_prompts(frames, 0, video.masks, [], [], network=network, short_side=settings.short_side)
    check_prompts(prompts, "forward", 0, None)
    job = Job(frames, prompts, network, "forward", 0, None, settings.short_side)
    folder = ResultFolder(settings.out / video.name, describe(job, video.source, 1), resume=True)
    if is_complete(folder.path):
        return {"status": "skipped", "frames": len(folder.lines)}
    stopped, _ = write_frames(job, folder, Console(file=io.StringIO()))
    folder.finish(stopped)
    if stopped is not None:
        return {"status": "failed", "frames": len(folder.lines), "error": stopped}
    return {"status": "done", "frames": len(folder.lines)}


def is_complete(folder: Path) -> bool:
    """Whether an earlier run has finished a folder of results."""
    try:
        return bool(json.loads((folder / "results.json").read_text(encoding="utf-8"))["complete"])
    except (OSError, ValueError, KeyError, TypeError):
        return False

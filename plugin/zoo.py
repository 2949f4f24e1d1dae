"""gcvos as a remotely-sourced model of FiftyOne's zoo, for `dataset.apply_model`.

`apply_model` holds all labels of one video in memory until the video ends; for long videos use the operator.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import eta.core.web as etaw
import fiftyone as fo
import fiftyone.core.models as fom
import fiftyone.operators.types as types

from gcvos_model import load_model as load_network
from gcvos_model import propagate
from gcvos_model.checkpoints import find_checkpoint
from gcvos_model.errors import InputError

from .labels import LabelWriter
from .prompts import read_annotations
from .sequences import Sequence
from .settings import DIRECTIONS, FRAMES_PREFIX, KEYFRAMES, Settings

CHECKPOINT_VARIABLE = "GCVOS_CHECKPOINT"


def download_model(model_name: str, model_path: str) -> None:
    """Put a model's weights where FiftyOne expects them.

    They come from the file or address in the environment variable `GCVOS_CHECKPOINT`, else from the installed
    gcvos package.

    Args:
        model_name: such as `gcvos-lite`.
        model_path: where to.

    Raises:
        InputError: the package does not carry the model, and no other source is named.
        CheckpointError: there is no such file.
    """
    origin = os.environ.get(CHECKPOINT_VARIABLE)
    if origin and origin.startswith(("http://", "https://")):
        etaw.download_file(origin, path=model_path)
        return
    try:
        path = find_checkpoint(origin or model_name)
    except InputError as error:
        hint = f"set {CHECKPOINT_VARIABLE} to the file or address of its checkpoint"
        raise InputError(f"{error}; {hint}") from None
    shutil.copyfile(path, model_path)


def load_model(model_name: str, model_path: str, **kwargs: Any) -> "VideoModel":
    """Load a model for `apply_model`; see `VideoModel` for the arguments."""
    return VideoModel(model_path, **kwargs)


def resolve_input(model_name: str, ctx: Any) -> types.Property:
    """Build the form of the model's parameters, for the App."""
    inputs = types.Object()
    inputs.str("prompt_field", required=True, label="Annotations", description="Such as frames.gt")
    inputs.enum("direction", DIRECTIONS, default="forward", label="Direction")
    inputs.enum("keyframes", KEYFRAMES, default="annotated", label="Start from which annotated frames")
    inputs.int("short_side", default=480, min=64, label="Working resolution (shorter side, pixels)")
    inputs.str("device", default="auto", label="Device")
    return types.Property(inputs)


def parse_parameters(model_name: str, ctx: Any, params: dict[str, Any]) -> None:
    """Tidy what the form gave, in place: the prompt field is one of frames, empty values are defaults."""
    for name in [name for name, value in params.items() if value in (None, "")]:
        del params[name]
    field = params.get("prompt_field")
    if field and not field.startswith(FRAMES_PREFIX):
        params["prompt_field"] = FRAMES_PREFIX + field


class VideoModel(fom.SamplesMixin, fom.Model):
    """Carries the annotations in a frame field through each video.

    Use it with a label field without prefix: `dataset.apply_model(model, "gc", prompt_field="frames.gt")`. With
    "frames.gc" FiftyOne loses every label when it stores them, with a mere warning, and the model never sees the name.

    Args:
        model_path: the checkpoint.
        checkpoint: another checkpoint to use instead.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        short_side: working resolution: the shorter side, in pixels.
        direction: `forward`, `backward` or `both`.
        keyframes: `annotated` or `first`; see `Settings`.
        prompt_field: the field with the annotations, where `apply_model` does not name it.
        mask_threshold: a pixel belongs to an object from this probability on.
    """

    config = None
    media_type = "video"

    def __init__(
        self,
        model_path: str,
        *,
        checkpoint: str | None = None,
        device: str = "auto",
        short_side: int = 480,
        direction: str = "forward",
        keyframes: str = "annotated",
        prompt_field: str | None = None,
        mask_threshold: float = 0.5,
        **_: Any,
    ) -> None:
        super().__init__()
        self.network = load_network(Path(checkpoint or model_path), device=device)
        self.prompt_field = prompt_field
        self.options = {
            "short_side": short_side,
            "direction": direction,
            "keyframes": keyframes,
            "mask_threshold": mask_threshold,
        }

    def predict(self, arg: Any, sample: Any = None) -> dict[int, fo.Label]:
        """Propagate through one video.

        Args:
            arg: FiftyOne's video reader; the frames are read as everywhere in gcvos instead, so that masks are the
                same as those of the operator.
            sample: the sample or clip.

        Returns:
            Frame number (from 1) to label.

        Raises:
            InputError: no prompt field, or nothing annotated in it.
            MediaError: the video cannot be read.
        """
        settings = Settings.of({"source_field": self._prompt_field(), **self.options})
        sequence = _sequence(sample)
        with sequence.open() as source:
            annotations = read_annotations(sample.dataset, sequence, settings, source, self.network)
            if not annotations.prompts:
                raise InputError(f"{sequence.name} has no annotations in '{settings.source_field}'")
            writer = LabelWriter(
                annotations.tracks, "", annotations.segmentation, None, settings.mask_threshold
            )
            results = propagate(
                source,
                annotations.prompts,
                model=self.network,
                direction=settings.direction,  # type: ignore[arg-type]
                start=sequence.start,
                stop=sequence.stop,
                short_side=settings.short_side,
            )
            labels = {}
            for result in results:
                number = sequence.number(result.index)
                document = writer.label(result, number)
                if document is not None:
                    labels[number] = fo.Label.from_dict(document)
        return labels

    def _prompt_field(self) -> str:
        field = self.needs_fields.get("prompt_field") or self.prompt_field
        if not field:
            raise InputError("no prompt field: pass apply_model(..., prompt_field='frames.gt')")
        return str(field)


def _sequence(sample: Any) -> Sequence:
    """Return the sequence of one video sample or clip."""
    clip = getattr(sample, "sample_id", None)
    first, last = sample.support if clip is not None else (1, None)
    sample_id = clip or sample.id
    path = sample.filepath
    return Sequence(sample_id, Path(path).name, start=first - 1, stop=last, sample_id=sample_id, path=path)

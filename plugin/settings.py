"""What one propagation is asked to do: one frozen dataclass, the same for the form, the SDK and the workers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from gcvos_model.errors import InputError

FRAMES_PREFIX = "frames."
REVIEW_TAG = "gcvos-review"

DIRECTIONS = ("forward", "backward", "both")
STORAGES = ("auto", "database", "disk")
KEYFRAMES = ("annotated", "first")


@dataclass(frozen=True)
class Settings:
    """The parameters of one run.

    Attributes:
        source_field: the field with the annotations, without `frames.`.
        target_field: the field to write, without `frames.`; may be the source field.
        run_key: the name of the run; the same key again completes what an earlier run left.
        keyframes: `annotated` takes every annotated frame, `first` each object's first one only (to compare
            with ground truth that is there on all frames).
        classes: take only labels of these classes; empty for all.
        label_ids: take only these labels; empty for all.
        first_frame: first frame to touch, counted from 1 as FiftyOne does; None for the beginning.
        last_frame: last frame to touch, inclusive; None for the end.
        direction: `forward`, `backward` or `both`.
        model: a bundled model's name, or the path of a checkpoint.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        short_side: working resolution: the shorter side, in pixels.
        storage: `database`, `disk`, or `auto`: the database while a video's masks stay small there.
        output_dir: the folder of mask files with `disk`; None for one beside FiftyOne's own datasets.
        mask_threshold: a pixel belongs to an object from this probability on, in (0, 1).
        review_confidence: frames with an object below this confidence are to be looked at, in [0, 1]; the default
            is chosen from the table of `python -m gcvos_model.evaluation.confidence`.
        overwrite: replace what the target field holds from elsewhere on the frames that are written.
        skip_done: leave the videos alone that this run has finished before.
        order_by: for images that are not grouped: the field that orders them into one clip.
        group_by: for images that are not grouped: the field whose values tell the clips apart.
    """

    source_field: str
    target_field: str
    run_key: str
    keyframes: str = "annotated"
    classes: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()
    first_frame: int | None = None
    last_frame: int | None = None
    direction: str = "forward"
    model: str = "gcvos-lite"
    device: str = "auto"
    short_side: int = 480
    storage: str = "auto"
    output_dir: str | None = None
    mask_threshold: float = 0.5
    review_confidence: float = 0.7
    overwrite: bool = False
    skip_done: bool = True
    order_by: str | None = None
    group_by: str | None = None

    @staticmethod
    def of(params: Mapping[str, Any]) -> "Settings":
        """Read the settings out of an operator's parameters; unknown parameters are not ours and are left.

        Raises:
            InputError: a parameter is missing or out of its range.
        """
        source = without_frames(params.get("source_field") or "")
        target = without_frames(params.get("target_field") or "gc")
        known = {field.name for field in fields(Settings)}
        given = {name: value for name, value in params.items() if name in known and value not in (None, "")}
        settings = Settings(
            **{
                **given,
                "source_field": source,
                "target_field": target,
                "run_key": params.get("run_key") or default_run_key(target),
                "classes": tuple(params.get("classes") or ()),
                "label_ids": tuple(params.get("label_ids") or ()),
            }
        )
        return settings.checked()

    def checked(self) -> "Settings":
        """Return the settings.

        Raises:
            InputError: a value is out of its range; says which and what is allowed.
        """
        if not self.source_field:
            raise InputError(
                "no source field: give the field that holds the annotations, such as 'frames.gt'"
            )
        for name, allowed in (("direction", DIRECTIONS), ("storage", STORAGES), ("keyframes", KEYFRAMES)):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is '{getattr(self, name)}': expected one of {', '.join(allowed)}")
        if not self.run_key.isidentifier():
            raise InputError(f"run key '{self.run_key}': expected letters, digits and _, no digit first")
        if not 0 < self.mask_threshold < 1:
            raise InputError(f"mask threshold {self.mask_threshold}: expected a number between 0 and 1")
        if not 0 <= self.review_confidence <= 1:
            raise InputError(f"review confidence {self.review_confidence}: expected a number from 0 to 1")
        if self.short_side < 16:
            raise InputError(f"working resolution {self.short_side}: expected at least 16 pixels")
        first, last = self.first_frame or 1, self.last_frame
        if first < 1 or (last is not None and last < first):
            raise InputError(f"frames {first} to {last}: expected 1 <= first <= last; FiftyOne counts from 1")
        return self

    @property
    def start(self) -> int:
        """The first frame, counted from 0 as the core does."""
        return (self.first_frame or 1) - 1

    @property
    def stop(self) -> int | None:
        """One past the last frame, counted from 0 as the core does; None for the end."""
        return self.last_frame

    def to_params(self) -> dict[str, Any]:
        """Return the settings as plain JSON, which `of` reads again."""
        return {**asdict(self), "classes": list(self.classes), "label_ids": list(self.label_ids)}

    def with_(self, **changes: Any) -> "Settings":
        """Return the settings with some of them changed."""
        return replace(self, **changes).checked()


def without_frames(field: str) -> str:
    """Strip `frames.`: inside a frame, and for FiftyOne's `apply_model`, the field has no prefix."""
    return field.removeprefix(FRAMES_PREFIX)


def default_run_key(target_field: str) -> str:
    """The run key where the user gives none, so that running again completes the same run."""
    return "gcvos_" + "".join(letter if letter.isalnum() else "_" for letter in target_field)

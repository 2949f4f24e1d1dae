"""The build of the demo clip's two kinds of animals."""

from dataclasses import dataclass

from .textures import Colour


@dataclass(frozen=True)
class Bone:
    """A tapering capsule in the resting pose: x forward, y down, in units of about a body's length."""

    name: str
    parent: str
    start: tuple[float, float]
    end: tuple[float, float]
    start_radius: float
    end_radius: float


@dataclass(frozen=True)
class Kind:
    """What makes a kind of animal: its build and its coat."""

    seed: int
    leg: float  # length
    shin: float  # radius
    girth: float
    neck: tuple[float, float]  # from the shoulders to the head
    head: float  # radius
    snout: float  # length, in radii of the head
    ear: float
    tail: tuple[float, float]
    coat: Colour
    belly: Colour
    mark: Colour
    striped: bool  # or spotted


FAWN = Kind(
    seed=3,
    leg=0.68,
    shin=0.043,
    girth=0.20,
    neck=(0.22, -0.36),
    head=0.09,
    snout=2.1,
    ear=0.17,
    tail=(-0.10, 0.09),
    coat=(0.55, 0.38, 0.24),
    belly=(0.82, 0.75, 0.64),
    mark=(0.95, 0.89, 0.77),
    striped=False,
)
TIGER = Kind(
    seed=5,
    leg=0.50,
    shin=0.054,
    girth=0.215,
    neck=(0.17, -0.15),
    head=0.15,
    snout=1.25,
    ear=0.07,
    tail=(-0.30, 0.14),
    coat=(0.88, 0.52, 0.17),
    belly=(0.93, 0.87, 0.76),
    mark=(0.11, 0.08, 0.06),
    striped=True,
)


def skeleton(kind: Kind) -> list[Bone]:
    """Return the bones, parents before children."""
    girth, leg, head = kind.girth, kind.leg, kind.head
    crown = (0.38 + kind.neck[0], -0.06 + kind.neck[1])
    nose = (crown[0] + kind.snout * head, crown[1] + 0.4 * kind.snout * head)
    rump = (-0.53, -0.08)
    tail = (rump[0] + kind.tail[0], rump[1] + kind.tail[1])
    tip = (tail[0] + 0.8 * kind.tail[0], tail[1] - 0.1 * kind.tail[1])
    bones = [
        Bone("body", "", (-0.42, 0.0), (0.34, 0.01), girth, girth * 0.98),
        Bone("neck", "body", (0.32, -0.05), crown, girth * 0.85, head),
        Bone("head", "neck", crown, nose, head * 1.15, head * 0.58),
        Bone("tail", "body", rump, tail, 0.055, 0.042),
        Bone("tip", "tail", tail, tip, 0.042, 0.034),
    ]
    for side, shift in (("far", 0.35), ("near", -0.25)):
        ear = (crown[0] + shift * head, crown[1] - 0.85 * head)
        ear_tip = (ear[0] - 0.55 * kind.ear, ear[1] - 0.8 * kind.ear)
        bones.append(
            Bone(f"{side} ear", "head", ear, ear_tip, kind.ear * 0.3 + 0.01, kind.ear * 0.12 + 0.005)
        )
        for name, x, thigh in (("fore", 0.32, 0.10), ("hind", -0.42, 0.155)):
            knee = (x + (0.04 if name == "hind" else 0.0), 0.05 + leg * 0.5)
            shin, foot = kind.shin, kind.shin * 0.75
            bones.append(Bone(f"{side} {name}", "body", (x, 0.04), knee, thigh, shin * 1.15))
            bones.append(
                Bone(f"{side} {name} shin", f"{side} {name}", knee, (x - 0.02, 0.05 + leg), shin, foot)
            )
    return bones

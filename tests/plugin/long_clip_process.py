"""A process of its own that propagates a long clip and prints its memory: DATASET CHECKPOINT."""

import json
import sys

import fiftyone as fo
import fiftyone.operators as foo
import psutil
from steady import keeping

from gcvos_model import Propagator


def main() -> None:
    process = psutil.Process()
    resident: list[int] = []
    operator = foo.get_operator("@gcvos/gcvos/propagate_annotations")
    Propagator.step = keeping(Propagator.step)
    summary = operator(
        fo.load_dataset(sys.argv[1]),
        "frames.gt",
        model=sys.argv[2],
        device="cpu",
        short_side=32,
        progress=lambda step: resident.append(process.memory_info().rss),
    )
    print(json.dumps({"summary": summary, "resident": resident}))


if __name__ == "__main__":
    main()

"""A process of its own that propagates, for tests that kill it: DATASET PARAMETERS(JSON)."""

import json
import sys
import time

import fiftyone as fo
import fiftyone.operators as foo


def main() -> None:
    params = json.loads(sys.argv[2])
    pause = params.pop("pause", 0.0)
    operator = foo.get_operator("@gcvos/gcvos/propagate_annotations")
    dataset = fo.load_dataset(sys.argv[1])
    summary = operator(dataset, params.pop("source_field"), progress=lambda step: time.sleep(pause), **params)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()

"""Put a model card into a checkpoint's record, where `gcvos models` shows it; the weights and their digest stay.

python -m gcvos_model.training.card CHECKPOINT CARD.txt [--data SET ...]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gcvos_model.checkpoints import read_checkpoint, save_checkpoint
from gcvos_model.errors import GCVOSError, InputError


def add_card(checkpoint: Path, text: str, data: Sequence[str] = ()) -> None:
    """Rewrite a checkpoint with a card in its record.

    Args:
        checkpoint: written anew, whole or not at all.
        text: the card: origin and terms of the data, what is known to fail.
        data: names of the sets it was trained on; none: those of the record stay.

    Raises:
        CheckpointError: there is no gcvos checkpoint.
        InputError: the card is empty.
    """
    if not text.strip():
        raise InputError("the card is empty")
    config, tensors, metadata = read_checkpoint(checkpoint)
    record = json.loads(metadata.get("record", "{}")) | {"card": text.strip()}
    if data:
        record["data"] = list(data)
    save_checkpoint(checkpoint, config, tensors, record, next(iter(tensors.values())).dtype)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command above; 2 where something that was given cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m gcvos_model.training.card", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("card", type=Path, help="text file")
    parser.add_argument("--data", nargs="+", default=(), metavar="SET", help="what it was trained on")
    given = parser.parse_args(arguments)
    try:
        add_card(given.checkpoint, given.card.read_text(encoding="utf-8"), given.data)
    except (GCVOSError, OSError, UnicodeDecodeError) as error:
        print(f"card: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

import json

import torch

from gcvos_model.checkpoints import read_checkpoint, save_checkpoint
from gcvos_model.network.config import TINY
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.card import main


def test_a_card_joins_the_record_and_leaves_the_weights_alone(tmp_path, capsys):
    checkpoint, card = tmp_path / "a.safetensors", tmp_path / "card.txt"
    digest = save_checkpoint(checkpoint, TINY, GCNetwork(TINY).state_dict(), {"steps": 3}, torch.float16)
    card.write_text("For research use.\n", encoding="utf-8")
    assert main([str(checkpoint), str(card), "--data", "blobs", "slides"]) == 0
    config, tensors, metadata = read_checkpoint(checkpoint)
    assert (config, metadata["digest"]) == (TINY, digest)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert json.loads(metadata["record"]) == {
        "steps": 3,
        "card": "For research use.",
        "data": ["blobs", "slides"],
    }
    card.write_text(" \n")
    assert main([str(checkpoint), str(card)]) == 2
    assert main([str(checkpoint), str(tmp_path / "absent.txt")]) == 2
    assert "the card is empty" in capsys.readouterr().err

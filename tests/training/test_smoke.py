"""The judgement of `make train-smoke`; the training itself is that of test_loop."""

import pytest

from gcvos_model.training import smoke


@pytest.mark.parametrize(
    ("losses", "falls"),
    [
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5], True),
        ([1.0, 0.9, 1.0, 1.0, 0.9, 0.9], False),  # hardly at all
        ([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], False),
        ([1.0, 0.5], True),
        ([0.5], False),  # nothing to compare
        ([], False),
        ([1.0, 0.9, float("nan"), float("nan")], False),
    ],
)
def test_a_loss_falls_when_its_end_is_well_below_its_beginning(losses, falls):
    assert smoke.fallen(losses, 0.85) is falls


def test_a_loss_that_does_not_fall_fails(monkeypatch, tmp_path, capsys):
    logs = {"images": [1.0, 0.4], "video": [0.4, 0.4]}
    monkeypatch.setattr(smoke, "run_stage", lambda *given: given[3])
    monkeypatch.setattr(smoke, "read_losses", lambda log: logs[log.parent.name])
    assert smoke.main(steps=1) == 1
    assert "video: loss 0.400 0.400: DOES NOT FALL" in capsys.readouterr().out
    logs["video"] = [0.4, 0.2]
    assert smoke.main(steps=1) == 0

from statistics import median

import pytest

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation.module_cost import ReadSize, spacetime_cost
from gcvos_model.evaluation.module_timing import measure_context_sizes, measure_reads
from gcvos_model.evaluation.timing import median_ratio, percentile, time_in_turn
from gcvos_model.network.config import GCConfig

SMALL = ReadSize(side=128, key_channels=32, value_channels=64)


def test_the_context_is_flat_and_stm_grows():
    rows = {(row["memory"], row["frames"]): row for row in measure_reads(SMALL, (1, 400), repeats=7)}
    assert len(rows) == 4
    assert rows["context", 400]["seconds"] < 5 * rows["context", 1]["seconds"]
    assert rows["spacetime", 400]["seconds"] > 20 * rows["spacetime", 1]["seconds"]
    assert rows["spacetime", 400]["multiplications"] == 400 * rows["spacetime", 1]["multiplications"]


def test_measured_memory_is_what_was_computed():
    """The affinity before and after its softmax, beside what is kept: within a factor of 1.7 at sizes that matter."""
    (stm, gc) = measure_reads(SMALL, (4000,), repeats=1)
    if stm["measured_bytes"] is None:
        pytest.skip("this system does not tell a process its peak memory")
    assert stm["bytes"] == spacetime_cost(SMALL, 4000).bytes == 4 * (4000 * 64 * (96 + 128) + 64 * 32)
    assert stm["bytes"] / 1.7 < stm["measured_bytes"] < 1.7 * stm["bytes"]
    assert gc["measured_bytes"] < stm["measured_bytes"] / 20


def test_parameters_follow_the_size_of_the_context():
    config = GCConfig(
        "slim",
        "resnet10",
        True,
        32,
        8,
        16,
        local_channels=0,
        compressed_channels=16,
        decoder_channels=(16, 16),
    )
    rows = measure_context_sizes(config, ((16, 8), (16, 32)), short_side=64, repeats=1)
    assert [row["key_channels"] for row in rows] == [8, 32]
    assert rows[0]["parameters"] == sum(p.numel() for p in random_model(config).parameters())
    channels = 256 + config.memory_channels  # queries and keys come from 3 x 3 convolutions with biases
    assert rows[1]["parameters"] - rows[0]["parameters"] == (32 - 8) * (9 * channels + 2)
    assert all(row["seconds"] > 0 for row in rows)


def test_calls_are_timed_in_turn():
    calls = []
    seconds = time_in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_statistics_by_hand():
    assert median_ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == 3.0
    assert percentile([5.0, 1.0, 2.0, 3.0, 4.0], 0.5) == median([1, 2, 3, 4, 5])
    assert percentile([float(i) for i in range(100)], 0.95) == 95
    assert percentile([7.0], 0.95) == 7

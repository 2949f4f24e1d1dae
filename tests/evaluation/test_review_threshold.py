import pytest

from gcvos_model.evaluation.judgements import Judged
from gcvos_model.evaluation.review_threshold import Finding, as_table, finding


def mark(confidence, j):
    return Judged(confidence, visible=True, present=True, j=j)


FOUND = [mark(0.3, 0.1), mark(0.6, 0.4), mark(0.7, 0.9), mark(0.95, 0.8)]


def test_what_a_threshold_finds():
    assert finding(FOUND, 0.5) == Finding(flagged=0.25, precision=1.0, recall=0.5)
    assert finding(FOUND, 0.8) == Finding(flagged=0.75, precision=pytest.approx(2 / 3), recall=1.0)
    assert finding(FOUND, 0.1) == Finding(flagged=0.0, precision=1.0, recall=0.0)
    assert finding([], 0.5) == Finding(flagged=0.0, precision=1.0, recall=1.0)


def test_table_has_a_row_a_threshold():
    table = as_table(FOUND)
    assert "4 masks that are not empty, 2 of them bad (J < 0.5)" in str(table.title)
    assert table.row_count == 12

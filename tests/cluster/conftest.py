import os

import pytest


@pytest.fixture(scope="session")
def local_cluster():
    """Ray on this machine with three slots for CPUs, whatever it has."""
    ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for attempt in range(3):  # it gives itself 30 s to start, which a busy machine may exceed
        try:
            ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
            break
        except Exception as error:
            ray.shutdown()
            if attempt == 2 or "timed out during startup" not in str(error):
                raise
    yield ray
    ray.shutdown()

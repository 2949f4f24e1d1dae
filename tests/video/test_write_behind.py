import threading
import time

import pytest

from gcvos_model.video import WriteBehind


def test_calls_are_made_in_order_and_all_before_the_end():
    done = []

    def slow(i):
        time.sleep(0.002)
        done.append(i)

    with WriteBehind(3) as behind:
        for i in range(20):
            behind.put(slow, i)
    assert done == list(range(20))


def test_they_are_made_in_another_thread_no_further_behind_than_allowed():
    gate, started, threads = threading.Event(), [], set()

    def wait(i):
        threads.add(threading.current_thread())
        started.append(i)
        gate.wait(10)

    with WriteBehind(2) as behind:
        putting = threading.Thread(target=lambda: [behind.put(wait, i) for i in range(10)])
        putting.start()
        time.sleep(0.05)
        assert putting.is_alive()  # one call is being made, two wait, and there is no more room
        assert started == [0]
        gate.set()
        putting.join(10)
    assert started == list(range(10))
    assert threading.current_thread() not in threads


def test_an_error_stops_the_calls_and_reaches_the_next_put():
    done = []

    def fail_at_3(i):
        if i == 3:
            raise OSError(28, "No space left on device")
        done.append(i)

    put = []

    def run():
        with WriteBehind(2) as behind:
            for i in range(1000):
                behind.put(fail_at_3, i)
                put.append(i)

    with pytest.raises(OSError, match="No space left"):
        run()
    assert len(put) < 10
    assert done == [0, 1, 2]


def test_an_error_of_the_last_call_is_not_lost():
    def fail():
        raise OSError("at the end")

    def run():
        with WriteBehind() as behind:
            behind.put(fail)

    with pytest.raises(OSError, match="at the end"):
        run()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_was_put_is_done_also_when_the_block_breaks_off(error):
    done = []

    def slow(i):
        time.sleep(0.01)
        done.append(i)

    def run():
        with WriteBehind(8) as behind:
            for i in range(5):
                behind.put(slow, i)
            raise error

    with pytest.raises(error):
        run()
    assert done == [0, 1, 2, 3, 4]

"""Starts work that needs 6 s in a thread, does not wait for it, and answers after 5 s.

Lambda freezes the environment as soon as the answer is out, so the last second of the work happens in the next
invoke, however much later that comes. This holds for any thread a handler leaves running.
"""

import threading
import time

invokes = 0


def work(invoke):
    started = last = time.monotonic()
    gap = 0.0
    for _ in range(60):
        time.sleep(0.1)
        now = time.monotonic()
        gap = max(gap, now - last)
        last = now
    print(
        f"background: work of invoke {invoke} is done {last - started:.1f} s after its start; "
        f"between two of its steps passed {gap:.1f} s"
    )


def handler(event, context):
    global invokes
    invokes += 1
    invoke = invokes
    print(f"handler: invoke {invoke} starts 60 steps of 0.1 s and does not wait for them")
    threading.Thread(target=work, args=(invoke,), daemon=True).start()
    time.sleep(5)
    print(f"handler: invoke {invoke} returns after 5 s")
    return {"invoke": invoke}

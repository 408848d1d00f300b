"""One environment per concurrent request, reuse of the most recent, retirement, idle timeout."""

from concurrent.futures import ThreadPoolExecutor

from support.functions import Function, zipped
from support.leftovers import stat_fields
from support.service import wait_for

WAIT = "reach('started'); await_release('go'); answer = context.log_stream_name"


def test_thirty_concurrent_requests_make_thirty_environments(function):
    made = function("probe.py", Timeout=150)
    with ThreadPoolExecutor(30) as pool:
        answers = [pool.submit(made.invoke, {"run": WAIT}, tail=False) for _ in range(30)]

        def all_inside():
            inside = [e for e in made.environments() if e.phase == "Invoke" and e.reached("started")]
            return inside if len(inside) == 30 else None

        # All thirty handlers are inside at once: none can have been shared.
        for environment in wait_for("thirty handlers at their barrier", all_inside, 120):
            environment.release("go")
        streams = {answer.result().json for answer in answers}
    assert len(streams) == 30
    assert len({e.pid for e in made.environments()}) == 30


def test_first_environments_of_a_memory_size_made_at_once(function):
    """What environments of one size share is made by the first of them: none may get in another's way."""
    made = [function("probe.py") for _ in range(4)]
    for size in range(700, 720):
        for one in made:
            one.configure(MemorySize=size)
        with ThreadPoolExecutor(len(made)) as pool:
            answers = list(pool.map(lambda one: one.invoke({"run": "answer = context.memory_limit_in_mb"}), made))
        assert [answer.json for answer in answers] == [str(size)] * len(made)


def test_sequential_requests_reuse_the_most_recently_used(function):
    made = function("probe.py", Timeout=60)
    with ThreadPoolExecutor(3) as pool:
        running = []
        for n in range(3):
            running.append(pool.submit(made.invoke, {"run": WAIT}, tail=False))
            wait_for(
                f"handler {n}",
                lambda: sum(e.phase == "Invoke" and e.reached("started") for e in made.environments()) == n + 1,
            )
        # End them one by one; the last to end is the most recently used.
        by_stream = {}
        for environment in made.environments():
            environment.release("go")
            wait_for("its end", lambda: sum(r.done() for r in running) == len(by_stream) + 1)
            new = {r.result().json for r in running if r.done()} - set(by_stream)
            by_stream[new.pop()] = environment
            # One that has answered is not idle yet, and whoever is so later was used later.
            wait_for("it to idle", lambda: sum(e.phase == "Idle" for e in made.environments()) == len(by_stream))
    last = list(by_stream)[-1]
    for _ in range(5):
        assert made.invoke({"run": "answer = context.log_stream_name"}).json == last
        # Until it is idle again, another one is at hand.
        wait_for("it to idle", lambda: all(e.phase == "Idle" for e in made.environments()))
    assert len(made.environments()) == 3


def test_an_update_retires_environments_after_their_invoke(function):
    made = function("probe.py", Timeout=60, Environment={"Variables": {"SIDE": "old"}})
    ask = "import os; answer = os.environ['SIDE']"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.invoke, {"run": f"reach('started'); await_release('go'); {ask}"})
        wait_for("the handler", lambda: any(e.reached("started") for e in made.environments() if e.phase == "Invoke"))
        old = made.environments()[0]
        made.configure(Environment={"Variables": {"SIDE": "new"}})
        assert made.invoke({"run": ask}).json == "new"
        assert old.exists(), "an environment that runs an invocation must be left to finish it"
        old.release("go")
        assert running.result().json == "old"
    wait_for("the old environment's end", lambda: not old.exists())
    assert made.invoke({"run": ask}).json == "new"


def test_new_code_is_used_at_once(function):
    made = function("probe.py")
    assert made.invoke({"run": "answer = 1"}).json == 1
    made.replace(zipped({"app.py": "def handler(event, context): return 'replaced'"}))
    assert made.invoke({}).json == "replaced"
    wait_for("one environment", lambda: len(made.environments()) == 1)


def test_idle_environments_are_shut_down(services):
    service = services("--idle-timeout", "1s")
    made = Function(service, "probe.py")
    first = made.invoke({"run": "answer = state['invokes']"})
    assert first.json == 1
    pid = made.environment().pid
    wait_for("the idle environment's end", lambda: not made.environments())
    wait_for("its processes' end", lambda: stat_fields(pid) is None)
    assert made.invoke({"run": "answer = state['invokes']"}).json == 1, "module state of a new environment is new"

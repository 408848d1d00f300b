"""What one frozen environment takes of its host: counted, held to what docs/performance.md says, and given back."""

import pytest

from support import ordinary
from support.footprint import footprint, mounts_inside, published, threads
from support.functions import Function, zipped
from support.service import Service, wait_for
from support.world import World

CODE = zipped({"app.py": "def handler(event, context):\n    return 'done'\n"})
FEW, MANY = 1, 5


@pytest.fixture(params=["root, `nat`", "root, `isolated`", "an ordinary user"])
def column(request):
    if bool(ordinary.USER) != (request.param == "an ordinary user"):
        pytest.skip("services of this run are another user's")
    return request.param


@pytest.fixture
def service(column):
    network = "nat" if "nat" in column else "isolated"
    with World() as world, world.entered(), Service("--pool", "off", network=network) as running:
        yield running


def grown(service, functions, count):
    """What the service takes once so many environments are frozen."""
    while len(functions) < count:
        functions.append(Function(service, CODE))
        functions[-1].invoke({})
    rest(functions)
    return footprint(service)


def rest(functions):
    for function in functions:
        wait_for("it to be frozen", function.environment(phase="Idle").frozen)


def test_it_is_as_published(service, column):
    expected, functions = published(column), []
    service.client().list_functions()  # the connection stays
    before = footprint(service)
    if not ordinary.USER and "v1+v2 freezer" not in service.lines[0]:
        pytest.skip("the page counts control groups as they are with v1 and the freezer of v2")
    few = grown(service, functions, FEW)
    many = grown(service, functions, MANY)
    each = {what: (many[what] - few[what]) / (MANY - FEW) for what in few}
    each["mounts inside"] = mounts_inside(functions[0].environment())
    # Threads that have blocked for somebody stay for a while.
    pid = service.process.pid
    wait_for("idle threads to end", lambda: threads(pid) <= before["threads of the service"])
    each["threads of the service"] = 0
    assert each == expected

    # Invocations add nothing.
    for function in functions:
        for _ in range(5):
            function.invoke({})
    rest(functions)
    after = footprint(service)
    changed = {what: after[what] - many[what] for what in after if what != "threads of the service"}
    assert not any(changed.values()), changed

    for function in functions:
        function.client.delete_function(FunctionName=function.name)
    wait_for("all environments to be gone", lambda: not service.environments())

    def kept():
        left = footprint(service)
        return {what: left[what] - before[what] for what in left if left[what] > before[what]}

    wait_for("everything to be given back", lambda: not kept())

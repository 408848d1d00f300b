"""Fixtures of all black-box suites: one service for most tests, one of their own for those that stop or configure it."""

import os

import pytest

from support.functions import Function
from support.service import HEARTH, RUNTIMES, Service


def pytest_sessionstart(session):
    if os.getuid() != 0:
        pytest.exit("these suites make sandboxes: run them as root", 2)
    for what, how in ((HEARTH, "cargo build"), (RUNTIMES / "python3.11", "make test STAGES=runtimes")):
        if not what.exists():
            pytest.exit(f"{what} is missing: {how}", 2)


@pytest.fixture(scope="session")
def service():
    """The service that most tests share. Leaving it checks that nothing is left behind."""
    with Service() as running:
        yield running


@pytest.fixture
def services():
    """Makes services of the test's own: services("--billing", "classic")."""
    running = []

    def make(*options, **settings):
        running.append(Service(*options, **settings))
        return running[-1]

    yield make
    problems = []
    for one in reversed(running):
        try:
            with one:
                pass
        except AssertionError as error:
            problems.append(error)
    assert not problems, problems


@pytest.fixture
def function(service):
    """Makes functions on the shared service and deletes them after the test."""
    made = []

    def make(code, runtime="python3.11", **settings):
        made.append(Function(service, code, runtime, **settings))
        return made[-1]

    yield make
    for one in made:
        try:
            one.client.delete_function(FunctionName=one.name)
        except one.client.exceptions.ResourceNotFoundException:
            pass

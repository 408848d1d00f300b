# Makes Python wait for its function.
#
# Python imports this by itself when it has all but started, before it enters the program of its command line, which is
# AWS's client: that is loaded here, and everything it needs. Then comes the word of what this process is to be. When this
# module is left, nothing of it stays, and Python goes on as if it had been started for that function.
import os
import sys


def wait():
    """Returns, to be left, whether the runtime has a module of this name, too."""
    before = set(sys.modules)
    import json

    launcher = os.path.dirname(__file__)
    sys.path.remove(launcher)
    runtime_has_one = any(name.partition(".")[0] == __name__ for place in sys.path for name in names(place))
    # As `python -m awslambdaric` imports them, and as the client does when it starts.
    import runpy  # noqa: F401

    import awslambdaric.bootstrap  # noqa: F401
    from awslambdaric import lambda_config

    if getattr(lambda_config.LambdaConfigProvider(["", "-"]), "use_thread_polling", False):
        import concurrent.futures.thread  # noqa: F401
    try:
        import awslambdaric.lambda_literals  # noqa: F401
    except ImportError:
        pass  # an older client

    loaded = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.builtin_module_names)
    socket = int(os.environ["_HEARTH_ASSIGNMENT"])
    os.write(socket, b".")
    word = bytearray()
    while piece := os.read(socket, 65536):
        word += piece
    if not word:
        os._exit(0)  # whoever would have said it is gone
    os.close(socket)
    word = json.loads(word)
    arguments, environment = word["arguments"], word["environment"]
    # What the start itself has set: the number of a descriptor, a locale (PEP 538).
    for name in os.environ.keys() - environment.keys() - {"_HEARTH_ASSIGNMENT"}:
        environment[name] = os.environ[name]
    os.chdir("/var/task")
    places = ["/var/task", *(place for place in sys.path if place.startswith("/opt/"))]
    # Modules of the function's own where the client, or what it needs, has been loaded already; and those that are to be there
    # before it is, for instance to see it being imported.
    early = loaded | {"sitecustomize", "usercustomize"}
    if early.intersection(name.partition(".")[0] for place in places for name in names(place)):
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments[2:]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[1:] = arguments
    # What was looked at before there was a function.
    for place in [place for place in sys.path_importer_cache if place.startswith(("/opt", "/var/task", launcher))]:
        del sys.path_importer_cache[place]
    return runtime_has_one


def names(place):
    try:
        return os.listdir(place)
    except OSError:
        return []


try:
    another = wait()
except BaseException:
    os._exit(1)  # Python would go on, as nobody's
if not another:
    # What Python expects where there is no such module.
    raise ImportError("there is none", name=__name__)
del sys.modules[__name__]
import sitecustomize  # noqa: E402, F401

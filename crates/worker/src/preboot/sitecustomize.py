# Makes Python wait for its function.
#
# Python imports this by itself when it has all but started, before it enters the program of its command line, which is
# AWS's client: that is loaded here, and everything it needs. Then comes the word of what this process is to be. When this
# module is left, nothing of it stays, and Python goes on as if it had been started for that function.
import os
import sys

ASSIGNMENT = "_HEARTH_ASSIGNMENT"


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
    # Modules of the function's own where the client, or what it needs, has been loaded already; and those that are to be there
    # before it is, for instance to see it being imported.
    early = loaded | {"sitecustomize", "usercustomize"}
    places = ["/var/task", *(place for place in sys.path if place.startswith("/opt/"))]
    rehearse(json, early, places)
    socket = int(os.environ[ASSIGNMENT])
    os.write(socket, b".")
    word = bytearray()
    while piece := os.read(socket, 65536):
        word += piece
    if not word:
        os._exit(0)  # whoever would have said it is gone
    os.close(socket)
    word = json.loads(word)
    arguments = word["arguments"]
    dress(word["environment"])
    os.chdir("/var/task")
    if brings(places, early):
        os.execve(sys.executable, [sys.executable, *arguments], os.environ)
    sys.argv[1:] = arguments[2:]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[1:] = arguments
    del sys.path_importer_cache[launcher]
    forget(places)
    return runtime_has_one


def rehearse(json, early, places):
    """What follows the word, done for nobody: what it touches for the first time costs a caller nothing then."""
    from importlib.util import find_spec  # loaded by runpy

    for _ in range(2):
        json.loads(bytearray(json.dumps(dict(os.environ)), "ascii"))
        dress(dict(os.environ))
        brings(places, early)
        forget(places)
        find_spec("usercustomize")
        find_spec("awslambdaric.__main__").loader.get_code("awslambdaric.__main__")
        compile("import os\n\ndef handler(event, context):\n    return [event.get('key', 0), None]\n", "-", "exec")


def dress(environment):
    """Makes this the environment, with what the start itself has set: the number of a descriptor, a locale (PEP 538)."""
    old, encode = os.environ._data, os.environ.encodevalue  # a variable at a time takes three times as long
    new = {encode(name): encode(value) for name, value in environment.items()}
    for name in old.keys() - new.keys():
        if name == encode(ASSIGNMENT):
            os.unsetenv(name)
        else:
            new[name] = old[name]
    for name, value in new.items():
        if old.get(name) != value:
            os.putenv(name, value)
    old.clear()
    old.update(new)


def brings(places, early):
    return not early.isdisjoint(name.partition(".")[0] for place in places for name in names(place))


def forget(places):
    """What was looked at before there was a function."""
    cache = sys.path_importer_cache
    for place in places:
        if place in cache and (cache[place] is None) == os.path.isdir(place):
            del cache[place]
        elif cache.get(place):
            cache[place].invalidate_caches()


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

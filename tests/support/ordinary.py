"""Services of an ordinary user: with HEARTH_TEST_USER=UID the suites, which root runs, start every service as that user.

The user need not be able to see the checkout, which may lie in somebody's home: binary and runtimes are mounted where
everybody can see them, in a mount namespace that ends with the service.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

USER = int(os.environ.get("HEARTH_TEST_USER", 0))
# Mounts, becomes the user, executes: each step replaces the one before, so that the pid stays the service's.
SCRIPT = """
mount --bind "$1" "$2/runtimes"
mount --bind "$3" "$2/hearth"
uid=$4 hearth=$2/hearth
shift 4
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups -- "$hearth" "$@"
"""


def place():
    """A directory that everybody can see, with the mount points; the same for the whole session."""
    if not hasattr(place, "path"):
        place.path = Path(tempfile.mkdtemp(prefix="hearth-user-"))
        atexit.register(shutil.rmtree, place.path, ignore_errors=True)
        (place.path / "runtimes").mkdir()
        (place.path / "home").mkdir()
        (place.path / "hearth").touch()
        for path in (place.path, *place.path.iterdir()):
            path.chmod(0o755)
        os.chown(place.path / "home", USER, USER)
    return place.path


def give(directory):
    """Makes a data directory the user's."""
    if USER and os.stat(directory).st_uid != USER:
        os.chown(directory, USER, USER)


def command(words, runtimes):
    """The command line that runs `words`, a call of the binary, as the user."""
    if not USER:
        return words
    binary, *arguments = words
    unshare = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-ec", SCRIPT, "ordinary"]
    return [*unshare, runtimes, place(), binary, str(USER), *arguments]


def environment(variables):
    """The environment for it."""
    if not USER:
        return variables
    home = str(place() / "home")
    return {**variables, "HOME": home, "TMPDIR": home, "HEARTH_RUNTIMES": str(place() / "runtimes")}


def root():
    """Who owns inside what is root's there: without ids to give there is only the function's own user."""
    return 993 if USER else 0

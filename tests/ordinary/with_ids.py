"""Runs a program as root of a user namespace that has ids besides the user's own, as `newuidmap` would have given them.

usage: with_ids.py UID COMMAND...        (as root)
"""

import ctypes
import os
import sys

CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x20000
FIRST, COUNT = 100_000, 65_536
libc = ctypes.CDLL(None, use_errno=True)


def call(number, what):
    if number != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def main():
    user, command = int(sys.argv[1]), sys.argv[2:]
    made, tell_made = os.pipe()
    mapped, tell_mapped = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        call(libc.prctl(4, 1, 0, 0, 0), "let the parent write the maps")
        call(libc.unshare(CLONE_NEWUSER), "make a user namespace")
        os.write(tell_made, b"x")
        os.read(mapped, 1)
        call(libc.unshare(CLONE_NEWNS), "make a mount namespace")
        os.execvp(command[0], command)
    os.read(made, 1)
    for ids in ("uid_map", "gid_map"):
        with open(f"/proc/{child}/{ids}", "w") as file:
            file.write(f"0 {user} 1\n1 {FIRST} {COUNT}\n")
    os.write(tell_mapped, b"x")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()

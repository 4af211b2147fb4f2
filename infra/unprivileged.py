"""Run one program as another, unprivileged user. Started as a script of its own, never imported by the product.

    python -I -S unprivileged.py UID GID FOLDER PROGRAM ARGUMENT...

PostgreSQL refuses to run as root. When root runs nqms, the server has to become an ordinary user, but the folders
above its data (``/root``, a 0700 folder under ``/tmp``) or above its binaries (a virtual environment below
``/root``) may be closed to that user, and opening other people's folders is not ours to do. So the user identity is
changed and, only when a folder on the way is closed, ONE capability is kept: CAP_DAC_READ_SEARCH (pass and read), or
CAP_DAC_OVERRIDE where the first is not to be had (containers). All others are dropped for good.

It is a script because the change has to happen in a process without threads, between fork and exec.
Exit status 77 and one sentence on stderr: the change is impossible here. Otherwise it becomes PROGRAM.
"""

import ctypes
import os
import sys

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
_PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 28, 47, 2
_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
IMPOSSIBLE = 77


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Set(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _prctl(*arguments: int) -> None:
    _call("prctl", *[ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0)[:5]])


def _keep_only(capability: int) -> None:
    sets = (_Set * 2)()
    bit = 1 << capability
    sets[0].effective = sets[0].permitted = sets[0].inheritable = bit
    _call("capset", ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets)


def _become(uid: int, gid: int, capability: int | None) -> None:
    """Change the identity for good; afterwards the process holds `capability` or none."""
    if capability is not None:
        # access(2) forgets capabilities of a non-root caller unless this bit is set, and PostgreSQL uses access(2).
        _prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability is not None:
        _keep_only(capability)
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _usable(folder: str, program: str) -> bool:
    share = os.path.join(os.path.dirname(os.path.dirname(program)), "share")
    return (
        os.access(program, os.R_OK | os.X_OK)
        and (os.access(share, os.R_OK | os.X_OK) or not os.path.lexists(share))  # some systems keep it elsewhere
        and os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    )


def _enough(uid: int, gid: int, capability: int | None, folder: str, program: str) -> bool:
    """Ask in a child, because the change of identity cannot be taken back."""
    child = os.fork()
    if child == 0:
        try:
            _become(uid, gid, capability)
            os._exit(0 if _usable(folder, program) else 1)
        except OSError:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main(arguments: list[str]) -> None:
    """Take UID GID FOLDER PROGRAM ARGUMENT..., do not return."""
    uid, gid, folder, program = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3]
    os.umask(0o077)
    os.chdir(folder)
    for capability in (None, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if _enough(uid, gid, capability, folder, program):
            try:
                _become(uid, gid, capability)
                os.execv(program, arguments[3:])
            except OSError as error:
                sys.stderr.write(f"cannot run {program} as user {uid}: {error}\n")
                sys.exit(IMPOSSIBLE)
    sys.stderr.write(f"user {uid} reaches neither {folder} nor {program}, and no capability to pass is to be had\n")
    sys.exit(IMPOSSIBLE)


if __name__ == "__main__":
    main(sys.argv[1:])

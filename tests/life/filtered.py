"""Runs a program under the system-call filter of a systemd unit, as systemd would, but deadly.

    filtered.py UNIT PROGRAM ARGUMENTS...

What the unit's SystemCallFilter, RestrictAddressFamilies and MemoryDenyWriteExecute do not allow ends the program by
SIGSYS or SIGSEGV, whatever the unit says of an error number: a test must see it. Groups are those of the systemd that
is installed; numbers come from the C compiler's headers. Exit 77: this machine cannot do so.
"""

import ctypes
import os
import platform
import re
import socket
import struct
import subprocess
import sys

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_MDWE = 38, 22, 2, 65
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
# Offsets in struct seccomp_data.
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16


def cannot(why):
    print(f"filtered.py: {why}", file=sys.stderr)
    sys.exit(77)


def output_of(command, text=None):
    try:
        return subprocess.run(command, input=text, text=True, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        cannot(error)


def group(name):
    """The system calls of a group, and of the groups in it."""
    calls = set()
    for line in output_of(["systemd-analyze", "syscall-filter", name]).splitlines()[1:]:
        entry = line.strip()
        if entry.startswith("@"):
            calls |= group(entry)
        elif entry and not entry.startswith("#"):
            calls.add(entry)
    return calls


def allowed(unit):
    """What is left after all lines: the first names what is allowed, those with a tilde take out."""
    calls = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        names = value.lstrip("~").split()
        said = set().union(*(group(name) if name.startswith("@") else {name} for name in names))
        calls = calls - said if value.startswith("~") else calls | said
    return calls


def numbers():
    macros = output_of(["cc", "-dM", "-E", "-"], "#include <sys/syscall.h>\n")
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)\n", macros)}


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("<HBBI", code, if_true, if_false, value)


def program(calls, families, architecture):
    """Allow these calls, socket() for these families only, and kill the process for anything else."""
    known = numbers()
    body = [
        instruction(LOAD_WORD, ARCHITECTURE),
        instruction(JUMP_IF_EQUAL, architecture, 1, 0),
        instruction(RETURN, KILL_PROCESS),
        instruction(LOAD_WORD, NUMBER),
    ]
    for name in sorted(calls & known.keys() - {"socket"}):
        body += [instruction(JUMP_IF_EQUAL, known[name], 0, 1), instruction(RETURN, ALLOW)]
    body += [
        instruction(JUMP_IF_EQUAL, known["socket"], 1, 0),
        instruction(RETURN, KILL_PROCESS),
        instruction(LOAD_WORD, FIRST_ARGUMENT),
    ]
    for family in families:
        body += [instruction(JUMP_IF_EQUAL, family, 0, 1), instruction(RETURN, ALLOW)]
    return b"".join([*body, instruction(RETURN, KILL_PROCESS)])


def main():
    unit_file, *command = sys.argv[1:]
    with open(unit_file, encoding="utf-8") as file:
        unit = file.read()
    architecture = ARCHITECTURES.get(platform.machine()) or cannot("unknown architecture")
    families = re.search(r"^RestrictAddressFamilies=(.*)$", unit, re.MULTILINE).group(1).split()
    code = program(allowed(unit), [getattr(socket, name) for name in families], architecture)

    class Filter(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    wanted = Filter(len(code) // 8, code)
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        cannot("no new privileges: " + os.strerror(ctypes.get_errno()))
    if "\nMemoryDenyWriteExecute=yes\n" in unit and prctl(PR_SET_MDWE, 1, 0, 0, 0):
        print("filtered.py: this kernel cannot refuse executable memory", file=sys.stderr)
    if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(wanted), 0, 0):
        cannot("no filter: " + os.strerror(ctypes.get_errno()))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

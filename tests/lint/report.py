# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the lint tests share: the tree's files, the list of exceptions, and
TAP output with one line per habit."""

import os
import sys

TOP = os.environ.get("DSC_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DSC_BUILDDIR", "")
FOLDERS = (".ci", "docs", "examples", "include", "lib", "m4", "nbd-bridge",
           "packaging", "scripts", "tests", "tools")
GENERATED = ("libtool.m4", "ltoptions.m4", "ltsugar.m4", "ltversion.m4",
             "lt~obsolete.m4")


def files(*endings):
    """Paths of the tree's files, relative to its top, in order. Only its
    folders are looked at: a build may stand beside them."""
    found = []
    for folder in FOLDERS:
        for where, dirs, names in os.walk(os.path.join(TOP, folder)):
            dirs[:] = [d for d in dirs if d not in
                       (".libs", ".deps", "__pycache__", "corpus")]
            found += [os.path.relpath(os.path.join(where, n), TOP)
                      for n in names if n not in GENERATED]
    for name in os.listdir(TOP):
        if name in ("Makefile.am", "configure.ac", "autogen.sh", "README.md"):
            found.append(name)
    return sorted(f for f in found if not endings or f.endswith(endings))


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8",
              errors="replace") as file:
        return file.read()


class Report:
    """Collects what is wrong per check and prints it as TAP."""

    def __init__(self, exceptions=True):
        self.checks = []        # (name, [message])
        self.allowed = self.read_allowed() if exceptions else {}
        self.used = set()

    @staticmethod
    def read_allowed():
        """Lines "CHECK THING  # reason" of allow.txt."""
        allowed = {}
        for line in read("tests/lint/allow.txt").splitlines():
            entry, _, reason = line.partition("#")
            words = entry.split()
            if words:
                allowed[tuple(words)] = reason.strip()
        return allowed

    def check(self, name, problems):
        """problems yields (thing, message); a thing that allow.txt names for
        this check is left out."""
        messages = []
        for thing, message in problems:
            if (name, thing) in self.allowed:
                self.used.add((name, thing))
            else:
                messages.append(message)
        self.checks.append((name, messages))

    def check_exceptions(self):
        """An exception has a reason, and goes when it is not needed."""
        messages = [f"allow.txt: {' '.join(e)} has no reason"
                    for e, reason in self.allowed.items() if not reason]
        messages += [f"allow.txt: {' '.join(e)} is not needed any more"
                     for e in self.allowed if e not in self.used]
        self.checks.append(("exceptions", messages))

    def finish(self):
        print(f"1..{len(self.checks)}")
        failed = 0
        for number, (name, messages) in enumerate(self.checks, 1):
            for message in messages:
                print(f"# {message}")
            failed += bool(messages)
            print(f"{'not ' if messages else ''}ok {number} - {name}")
        sys.exit(1 if failed else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the habits of the C code that a program can check: section comments,
lengths, nesting, layers, forbidden functions. Prints TAP. An exception stands
in allow.txt with its reason."""

import os
import re

from csource import Source
from report import Report, files, read, TOP

MAX_FILE = 700
MAX_FUNCTION = 60
MAX_NESTING = 4
COMMENT_LINES = range(3, 25)    # with the lines of the delimiters

# What a folder may include by a path from the tree, besides its own files.
LAYERS = {
    "include/discsi": {"discsi"},
    "lib/base": {"discsi", "base"},
    "lib/conf": {"discsi", "base", "conf"},
    "lib/scsi": {"discsi", "base", "scsi"},
    "lib/iscsi": {"discsi", "base", "scsi", "iscsi"},
    "lib/session": {"discsi", "base", "conf", "scsi", "iscsi", "session"},
    "lib/lun": {"discsi", "base", "conf", "scsi", "iscsi", "session", "lun"},
    "lib/bridge": {"discsi", "base", "conf", "bridge"},
    "lib/storage": {"discsi", "base", "conf", "session", "lun", "bridge",
                    "storage"},
    "nbd-bridge": {"discsi", "base"},
    "tools": {"discsi", "base"},
    "examples": {"discsi"},
}
OURS = {"discsi", "base", "conf", "scsi", "iscsi", "session", "lun", "bridge",
        "storage", "nbd-bridge", "tools", "harness", "fake", "unit"}

FORBIDDEN = ("exit abort printf strcpy strcat sprintf strtok atoi alloca "
             "strerror rand signal time gettimeofday sleep").split()

SOURCES = [Source(path, read(path)) for path in files(".c", ".h")]


def folder_of(path):
    return os.path.dirname(path)


def section_comments():
    """The licence in the first line, then what the file is."""
    for source in SOURCES:
        first = source.lines[0] if source.lines else ""
        if "SPDX-License-Identifier: LGPL-2.1-or-later" not in first:
            yield source.path, f"{source.path}:1: no SPDX line"
            continue
        match = re.match(r"[^\n]*\n/\*\n.*?\*/", source.text, re.S)
        lines = match.group().count("\n") if match else 0
        is_manual = source.path.startswith("include/")
        if lines < COMMENT_LINES[0] or (lines not in COMMENT_LINES
                                        and not is_manual):
            yield (source.path, f"{source.path}:2: no section comment of "
                   f"{COMMENT_LINES[0]} to {COMMENT_LINES[-1]} lines")


def file_lengths():
    for source in SOURCES:
        if len(source.lines) > MAX_FILE:
            yield (source.path, f"{source.path}: {len(source.lines)} lines, "
                   f"{MAX_FILE} at most")


def function_lengths():
    for source in SOURCES:
        for function in source.functions():
            if function.lines > MAX_FUNCTION:
                yield (f"{source.path}:{function.name}",
                       f"{source.path}:{function.first}: {function.name}() "
                       f"has {function.lines} lines, {MAX_FUNCTION} at most")


def nesting():
    for source in SOURCES:
        for function in source.functions():
            if function.nesting > MAX_NESTING:
                yield (f"{source.path}:{function.name}",
                       f"{source.path}:{function.first}: {function.name}() "
                       f"nests {function.nesting} deep, "
                       f"{MAX_NESTING} at most")


def bad_include(source, is_angle, name):
    """Why a file must not include something, or None."""
    folder = folder_of(source.path)
    if name.startswith("iscsi/") and is_angle:
        if folder == "lib/iscsi":
            return None
        return "only lib/iscsi includes libiscsi's headers"
    if folder not in LAYERS:
        return None
    if "/" not in name:
        own = os.path.exists(os.path.join(TOP, folder, name))
        return None if is_angle or own else "it is not in this folder"
    layer = name.split("/")[0]
    if layer in OURS and layer not in LAYERS[folder]:
        return f"{folder} may not use {layer}"
    return None


def layers():
    for source in SOURCES:
        for line, is_angle, name in source.includes():
            why = bad_include(source, is_angle, name)
            if why:
                yield source.path, f"{source.path}:{line}: {name}: {why}"


def unknown_folders():
    """Every folder of the library stands in the table of layers."""
    for source in SOURCES:
        folder = folder_of(source.path)
        if folder.startswith("lib") and folder not in LAYERS:
            yield folder, f"{folder} is not in the table of layers"


def forbidden():
    pattern = r"(?<![\w.>])(" + "|".join(FORBIDDEN) + r")\s*\("
    for source in SOURCES:
        if not source.path.startswith("lib/"):
            continue
        for line, match in source.find(pattern):
            yield (f"{source.path}:{match[1]}",
                   f"{source.path}:{line}: {match[1]}() has no place in the "
                   "library")


def no_sync_calls():
    for source in SOURCES:
        for line, match in source.find(r"\biscsi_\w+_sync\b"):
            yield source.path, f"{source.path}:{line}: {match.group()}"


def no_line_comments():
    for source in SOURCES:
        for match in re.finditer(r'^[^"\n]*?(?<!:)//', source.text, re.M):
            line = source.line_of(match.end())
            if "/*" in match.group() or match.group().lstrip().startswith("*"):
                continue
            yield source.path, f"{source.path}:{line}: a // comment"


def no_reminders():
    """What is left to do is an issue, not a word in a file."""
    pattern = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
    for path in files():
        for number, line in enumerate(read(path).splitlines(), 1):
            if pattern.search(line):
                yield path, f"{path}:{number}: {line.strip()}"


def scripts_are_executable():
    for path in files():
        starts = read(path)[:2] == "#!"
        can_run = os.access(os.path.join(TOP, path), os.X_OK)
        if starts and not can_run:
            yield path, f"{path} begins with #! but is not executable"
        if path.startswith(("scripts/", ".ci/")) and not starts:
            yield path, f"{path} does not begin with #!"


def main():
    report = Report()
    report.check("section-comment", section_comments())
    report.check("file-length", file_lengths())
    report.check("function-length", function_lengths())
    report.check("nesting", nesting())
    report.check("layers", layers())
    report.check("known-folders", unknown_folders())
    report.check("forbidden", forbidden())
    report.check("no-sync-calls", no_sync_calls())
    report.check("no-line-comments", no_line_comments())
    report.check("no-reminders", no_reminders())
    report.check("executable", scripts_are_executable())
    report.check_exceptions()
    report.finish()


main()

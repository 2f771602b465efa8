#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that the public interface is one thing: every function of the public
headers has a comment, is in the linker's map and in a man page; the map holds
nothing else, and the built library exports just that. Prints TAP."""

import os
import re
import subprocess

from csource import Source, without_directives
from report import BUILD, Report, files, read

MAP = "lib/libdiscsi.map"
HEADERS = [Source(path, read(path)) for path in files(".h")
           if path.startswith("include/discsi/")]


def declared():
    """{name: (source, offset of its declaration)} of the public headers."""
    found = {}
    for source in HEADERS:
        code = without_directives(source.code)
        for match in re.finditer(r"[^;{}]*?\b(discsi_\w+)\s*\([^;{}]*\)[^;{}]*;",
                                 code):
            if not re.match(r"\s*typedef\b", match.group()):
                start = match.start() + len(match.group()) - \
                    len(match.group().lstrip())
                found[match[1]] = (source, start)
    return found


def mapped():
    """{name: version} of the linker's map."""
    found = {}
    version = "?"
    for line in read(MAP).splitlines():
        match = re.match(r"(DISCSI_[\d.]+)\s*\{", line)
        version = match[1] if match else version
        match = re.match(r"\s*(discsi_\w+);", line)
        if match:
            found[match[1]] = version
    return found


DECLARED = declared()
MAPPED = mapped()


def map_is_headers():
    for name in sorted(DECLARED.keys() - MAPPED.keys()):
        yield name, f"{MAP}: {name} of {DECLARED[name][0].path} is missing"
    for name in sorted(MAPPED.keys() - DECLARED.keys()):
        yield name, f"{MAP}: {name} is in no public header"


def has_comment(source, offset):
    """A comment ends right above the paragraph of the declaration."""
    paragraph = source.text[:offset].rsplit("\n\n", 1)[-1]
    return "*/" in paragraph or "/*" in paragraph


def commented():
    for name, (source, offset) in sorted(DECLARED.items()):
        if not has_comment(source, offset):
            yield (name, f"{source.path}:{source.line_of(offset)}: {name} "
                   "has no comment")


def man_pages():
    """{path: text} of section 3, sources that configure fills in too."""
    return {path: read(path) for path in files(".3", ".3.in")
            if path.startswith("docs/")}


def documented():
    pages = man_pages()
    for name in sorted(DECLARED):
        pattern = re.compile(r"\b" + name + r"\b")
        if not any(pattern.search(text) for text in pages.values()):
            yield name, f"{name} is in no man page"


def versioned():
    """The page of a symbol says with which version it came."""
    pages = man_pages()
    for name, version in sorted(MAPPED.items()):
        number = re.escape(version.replace("DISCSI_", ""))
        pattern = re.compile(r"\b" + name + r"\b")
        texts = [t for t in pages.values() if pattern.search(t)]
        if texts and not any(re.search(r"\b" + number + r"\b", t)
                             for t in texts):
            yield name, f"the page of {name} does not name discsi {number}"


def library():
    path = os.path.join(BUILD, ".libs", "libdiscsi.so")
    return path if BUILD and os.path.exists(path) else None


def exported():
    """The names that the library defines for others."""
    output = subprocess.run(["nm", "-D", "--defined-only", library()],
                            check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        kind, name = line.split()[-2:]
        yield kind, name.split("@")[0]


def exports_are_map():
    if not library():
        return
    names = {name for kind, name in exported()
             if not (kind == "A" and name.startswith("DISCSI_"))}
    for name in sorted(names - MAPPED.keys()):
        yield name, f"libdiscsi.so exports {name}, which the map does not name"
    for name in sorted(MAPPED.keys() - names):
        yield name, f"libdiscsi.so does not define {name}"


def main():
    report = Report(exceptions=False)
    report.check("map-is-headers", map_is_headers())
    report.check("commented", commented())
    report.check("documented", documented())
    report.check("versioned", versioned())
    report.check("exports-are-map", exports_are_map())
    report.finish()


main()

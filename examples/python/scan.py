#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""scan.py: what is behind a portal, from a script.

usage: scan.py iscsi://[user%secret@]host[:port]            lists the targets
       scan.py iscsi://[user%secret@]host[:port]/iqn/lun    reads a LUN: its
                                              size, and the SHA-256 of its data
"""
import hashlib
import sys

import discsi


def list_targets(url):
    for target in discsi.discover(url):
        portals = ("%s:%d" % portal for portal in target.portals)
        print(target.name, *portals)


def read_lun(url):
    digest = hashlib.sha256()
    with discsi.open(url, read_only=True) as lun:
        for _, data in lun.blocks():
            digest.update(data)
        print(lun.info.bytes, "bytes in blocks of", lun.info.block_size)
        print(digest.hexdigest())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url = sys.argv[1]
    try:
        has_name = any("/" + form in url for form in ("iqn.", "eui.", "naa."))
        (read_lun if has_name else list_targets)(url)
    except discsi.Error as error:
        sys.exit("scan.py: %s" % error.strerror)


if __name__ == "__main__":
    main()

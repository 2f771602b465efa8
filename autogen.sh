#!/bin/sh
# Makes configure and the Makefile.in files from a clean checkout.
set -eu
cd "$(dirname "$0")"
for tool in autoreconf libtoolize pkg-config; do
	if ! command -v "$tool" >/dev/null; then
		echo "autogen.sh: $tool is missing; run scripts/install-deps" >&2
		exit 1
	fi
done
exec autoreconf --force --install --warnings=all

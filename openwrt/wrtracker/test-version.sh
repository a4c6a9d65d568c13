#!/bin/sh
# Run by the feed's CI with a package's name and version, where the package is installed.

case "$1" in
wrtracker | wrtracker-small)
	wrtracker --version 2>&1 | grep -F "wrtracker $2"
	;;
*)
	echo "no test for the package $1" >&2
	exit 1
	;;
esac

#!/bin/sh
# Run by the feed's CI with a package's name and version, where the package is installed.

set -e

case "$1" in
wrtracker | wrtracker-small)
	# Everything that the program can be told to do, without doing it.
	wrtracker --check -p 6969 -P 6969 -m 4M | grep 6969
	# What is no option is an error that names it.
	if said=$(wrtracker --no-such-option 2>&1); then
		exit 1
	fi
	echo "$said" | grep -F no-such-option
	;;
esac

#!/bin/sh
# Puts the launcher between Node.js, with whatever options, and what it is to start.
main=
for word; do
    shift
    [ -z "$main" ] || set -- "$@" "$main"
    main=$word
done
exec "$@" /tmp/launch.mjs "$main"

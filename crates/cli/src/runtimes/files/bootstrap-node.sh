#!/bin/sh
# AWS turns experimental features of Node.js off, each unless NODE_OPTIONS asks for it.
set --
for feature in @features@; do
    case " $NODE_OPTIONS " in
    *" --experimental-$feature "*) ;;
    *) set -- "--no-experimental-$feature" "$@" ;;
    esac
done
exec /var/lang/bin/node "$@" /var/runtime/index.mjs

#!/bin/sh
# Starts Node.js, by way of the customer's wrapper script if there is one (see crates/worker/src/command.rs).
#
# AWS turns experimental features of Node.js off, each unless NODE_OPTIONS asks for it.
set --
for feature in @features@; do
    case " $NODE_OPTIONS " in
    *" --experimental-$feature "*) ;;
    *) set -- "--no-experimental-$feature" "$@" ;;
    esac
done
set -- /var/lang/bin/node "$@" /var/runtime/index.mjs
wrapper=$AWS_LAMBDA_EXEC_WRAPPER
[ -n "$wrapper" ] || exec "$@"
[ -f "$wrapper" ] || { echo "$wrapper: does not exist"; exit 127; }
[ -x "$wrapper" ] || { echo "$wrapper: is not an executable"; exit 126; }
exec "$wrapper" "$@"

#!/bin/sh
set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
    event=$(curl -sS -D /tmp/headers "$api/next")
    request=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '\r ' | cut -d: -f2)
    said=$(echo "$event" | sed 's/.*"say":"\([^"]*\)".*/\1/')
    curl -sS -o /dev/null -d "{\"echo\":\"$said\",\"request\":\"$request\"}" "$api/$request/response"
done

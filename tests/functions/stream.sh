#!/bin/bash
# A runtime by hand that streams "part", and then ends its answer or breaks off, as the event says.
api=$AWS_LAMBDA_RUNTIME_API
while true; do
    event=$(curl -sS -D /tmp/headers "http://$api/2018-06-01/runtime/invocation/next")
    id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d: -f2)
    exec 3<>"/dev/tcp/${api%:*}/${api#*:}"
    printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n' "$id" >&3
    printf 'Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n4\r\npart\r\n' >&3
    case $event in
        '"close"') ;;
        '"garbage"') printf 'no length\r\n' >&3 && cat <&3 >/tmp/answer ;;
        *) printf '0\r\n\r\n' >&3 && read -r <&3 ;;
    esac
    exec 3>&-
done

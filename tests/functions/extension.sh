#!/bin/bash
# An external extension in plain shell, with what tests make of it below. Its log is standard output.
name=${0##*/}

# METHOD PATH BODY [HEADER]...: leaves $status, $head and $body.
call() {
    local method=$1 path=$2 sent=$3 line
    shift 3
    exec 9<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}" || return
    {
        printf '%s %s HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n' "$method" "/2020-01-01/extension/$path"
        printf '%s\r\n' "$@" "Content-Length: ${#sent}" ""
        printf '%s' "$sent"
    } >&9
    read -r _ status _ <&9 || return
    head=
    while IFS= read -r line <&9 && [ "$line" != $'\r' ]; do head+=$line$'\n'; done
    IFS= read -r -d '' body <&9
    exec 9>&-
}

# EVENTS: registers, and leaves $id.
register() {
    call POST register "{\"events\": [$1]}" "Lambda-Extension-Name: $name"
    id=$(printf '%s' "$head" | grep -i '^lambda-extension-identifier:' | tr -d '\r' | cut -d' ' -f2)
}

# Asks for the next event, and leaves it in $body.
next() { call GET event/next "" "Lambda-Extension-Identifier: $id"; }

# WHICH TYPE: init/error or exit/error.
fail() { call POST "$1" "{}" "Lambda-Extension-Identifier: $id" "Lambda-Extension-Function-Error-Type: $2"; }

# Prints each event, and ends as it is told to.
serve() {
    while next; do
        echo "$name $body"
        case $body in *SHUTDOWN*) exit 0 ;; esac
    done
}

reach() { : >"/tmp/$1"; }
await_release() { while [ ! -e "/tmp/$1" ]; do sleep 0.01; done; }


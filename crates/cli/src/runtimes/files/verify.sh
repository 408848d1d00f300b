# What a `bootstrap` finds on AWS's own operating system, it must find here.
set -eu
for program in /bin/sh /bin/bash /usr/bin/env awk cat curl cut date find grep head mktemp sed sort tail tr which xargs; do
    command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 1; }
done
[ "$(id -un)" = sbx_user1051 ]
curl --version >/dev/null
[ "$(TZ=Europe/Berlin date -d @0 +%H)" = 01 ]
for library in libstdc++.so.6 libgcc_s.so.1 libm.so.6; do
    /usr/sbin/ldconfig -p | grep -q "$library" || { echo "$library is missing" >&2; exit 1; }
done
[ "$(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt)" -gt 100 ]

# Builds the native module of AWS's Node.js client in a throw-away root, from the sources in its own package.
# Node-API only, so one module serves every Node.js that this client supports; linked to need no library but libc.
#
# usage: native.sh SOURCE
set -eu
cd /build/client
sh scripts/preinstall.sh
g++ -std=c++20 -O2 -fPIC -shared -fvisibility=hidden \
    -DNODE_GYP_MODULE_NAME=rapid_client -DBUILDING_NODE_EXTENSION \
    -I/build/node/include/node -I/build/node-addon-api -Ideps/artifacts/include \
    "$1" deps/artifacts/lib/libaws-lambda-runtime.a deps/artifacts/lib/libcurl.a \
    -pthread -static-libstdc++ -static-libgcc -s -o /build/rapid-client.node

# Runs one command inside a runtime tree, in the mount and pid namespaces that `unshare` has just made: nothing that
# is mounted here outlives the command.
#
# usage: inside.sh TREE read-only|writable COMMAND...
#   read-only: as a function would run, as uid 993. writable: as root, to build the tree.
set -eu
tree=$1 mode=$2
shift 2

mount --bind "$tree" "$tree"
[ "$mode" = writable ] || mount -o remount,bind,ro "$tree"
mount -t proc proc "$tree/proc"
mount -t tmpfs -o mode=0755 tmpfs "$tree/dev"
for device in null zero full random urandom; do
    : >"$tree/dev/$device"
    mount --bind "/dev/$device" "$tree/dev/$device"
done
if [ "$mode" = writable ]; then
    # Functions have none, but compiling on all processors needs it.
    mkdir -m 1777 "$tree/dev/shm"
    exec /usr/sbin/chroot "$tree" "$@"
fi
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
if /usr/sbin/chroot --userspec=+993:+990 --groups= / /bin/true 2>/dev/null; then
    exec /usr/sbin/chroot --userspec=+993:+990 --groups= "$tree" "$@"
fi
# Started by an ordinary user who has no other ids to give: the only one is called 993.
exec unshare --user --map-user=993 --map-group=990 --root="$tree" -- "$@"

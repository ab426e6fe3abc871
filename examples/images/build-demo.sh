#!/bin/sh
# Makes the image podtree/demo:1 from Debian's busybox-static, without any registry, and imports it.
#
#     examples/images/build-demo.sh [--state DIR] [--tar FILE]
#
# It serves a page on port 8080 that says the name of the pod that served it; any busybox command can be run in
# it instead (command: ["sleep", "1000"]). The same busybox gives the same image, byte for byte: names sorted,
# owners and times fixed. With --tar the archive is only written, not imported.
set -eu
umask 022

name=podtree/demo:1
state= tar=
while [ $# -gt 0 ]; do
    case $1 in
    --state) state=$2; shift 2 ;;
    --tar) tar=$2; shift 2 ;;
    *) echo "usage: $0 [--state DIR] [--tar FILE]" >&2; exit 2 ;;
    esac
done

busybox=$(command -v busybox) || { echo "busybox is missing: apt-get install busybox-static" >&2; exit 1; }
"$busybox" --list >/dev/null
if ldd "$busybox" >/dev/null 2>&1; then
    echo "$busybox is linked dynamically: apt-get install busybox-static" >&2
    exit 1
fi
# podtree, or podtree-image where only that is there.
importer=${PODTREE_IMAGE:-podtree image}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root=$work/root
mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/root" "$root/www/cgi-bin" \
    "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/var/tmp"
chmod 1777 "$root/tmp" "$root/var/tmp"
cp "$busybox" "$root/bin/busybox"
chmod 755 "$root/bin/busybox"
for command in $("$busybox" --list); do
    [ "$command" = busybox ] || ln -s busybox "$root/bin/$command"
done
echo 'root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
echo 'root:x:0:
nogroup:x:65534:' >"$root/etc/group"

cat >"$root/bin/serve" <<'PAGE'
#!/bin/sh
# Answers with the name of the pod, until it is told to stop. As the first process of its container it gets
# no signal that it does not ask for.
trap 'kill $server; exit 0' TERM INT
httpd -f -p "${PORT:-8080}" -h /www &
server=$!
wait $server
PAGE
cat >"$root/www/cgi-bin/index.cgi" <<'PAGE'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "hello from $(hostname)"
PAGE
chmod 755 "$root/bin/serve" "$root/www/cgi-bin/index.cgi"

tar --create --file "$work/demo.tar" --directory "$root" --sort=name --format=gnu --mtime=@0 --owner=0 --group=0 \
    --numeric-owner .
if [ -n "$tar" ]; then
    cp "$work/demo.tar" "$tar"
else
    $importer ${state:+--state "$state"} --command /bin/serve --env PATH=/bin import "$work/demo.tar" "$name"
fi

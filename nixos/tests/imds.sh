#!/usr/bin/env bash
# imds.sh FOLDER: a metadata service for tests. Answers one HTTP request on standard input with
# FOLDER/PATH, as QEMU's `guestfwd=tcp:169.254.169.254:80-cmd:` gives it.
set -euo pipefail
folder=$1

answer() {
  printf 'HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' "$1" "$2"
}

IFS=' ' read -r method path _
# The headers, up to the empty line: QEMU shows the request to the end.
while IFS= read -r line && [[ -n ${line%$'\r'} ]]; do :; done

path=${path%%\?*}
file=$folder/$path
if [[ $method != GET ]]; then
  answer '405 Method Not Allowed' 0
elif [[ $path == *..* || ! -f $file ]]; then
  answer '404 Not Found' 0
else
  answer '200 OK' "$(stat --dereference --format %s "$file")"
  cat "$file"
fi

#!/bin/sh
# take-over.sh RECORDS FOLDER UNIT=FILE,FILE… …: restarts each unit whose files in FOLDER are others than when it was last
# asked. RECORDS is where it keeps what the files were; it remembers a unit that it meets for the first time, and no more.
# After a boot whose settings were wrong nothing of theirs runs: then it has the boot go on.
set -eu

records=$1
folder=$2
shift 2
cd "$folder"

if [ "${BOOT_UNIT:+set}" ] && ! systemctl is-active --quiet "$BOOT_UNIT"; then
  exec systemctl --no-block start "$BOOT_UNIT" multi-user.target
fi

for each; do
  unit=${each%%=*}
  files=${each#*=}
  # shellcheck disable=SC2046 # Names of files, without spaces.
  now=$(sha256sum $(echo "$files" | tr , ' '))
  if [ -e "$records/$unit" ] && [ "$now" != "$(cat "$records/$unit")" ]; then
    echo "The settings of $unit have changed."
    systemctl --no-block restart "$unit"
  fi
  echo "$now" >"$records/$unit"
done

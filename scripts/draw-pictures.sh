#!/usr/bin/env bash
# Draws the pictures in docs/img, each by the command that a reader would use.
#
#   scripts/draw-pictures.sh [NAME...]    draws all, or those named, such as `step.svg`
#   scripts/draw-pictures.sh --check      draws nothing; says which picture no document shows, and which nothing draws
#   scripts/draw-pictures.sh --list       names each picture and its command
#
# Programs come from PATH, or from a release build that this makes. A picture of a run differs from run to run; those of
# the simulator are the same on every machine. scripts/draw-dashboard.py, which looks at a running Prometheus, draws none
# of these.
set -euo pipefail
cd "$(dirname "$0")/.."

# A row for each picture: name, where its command leaves it, command. `OUT` is a folder for whatever it writes.
pictures() {
  cat <<'ROWS'
timeline.svg|OUT/timeline.svg|autoscaler demo --report OUT
step.svg|OUT/step.svg|autoscaler simulate --traces step --policies clairvoyant,hpa-60,ours --figures OUT
loadtest-report.png|OUT/report.png|scripts/draw-loadtest-report.sh OUT/report.png
ROWS
}

check() {
  local wrong=0 name
  for file in docs/img/*; do
    name=${file##*/}
    pictures | grep -q "^$name|" || { echo "$file: scripts/draw-pictures.sh cannot draw it"; wrong=1; }
    git grep -q --untracked "](\(docs/\|\.\./docs/\)\?img/$name)" -- '*.md' || { echo "$file: no document shows it"; wrong=1; }
  done
  while IFS='|' read -r name _; do
    [[ -f docs/img/$name ]] || { echo "docs/img/$name: it is not there; run scripts/draw-pictures.sh $name"; wrong=1; }
  done < <(pictures)
  if ((wrong)); then
    echo "draw-pictures: pictures and documents differ" >&2
    exit 1
  fi
  echo "draw-pictures: every picture is shown, and can be drawn"
}

draw() {
  local wanted=("$@") work name left command
  if ! command -v autoscaler >/dev/null; then
    cargo build --release --locked -p autoscaler
    PATH="${CARGO_TARGET_DIR:-$PWD/target}/release:$PATH"
  fi
  for name in "${wanted[@]}"; do
    pictures | grep -q "^$name|" || { echo "draw-pictures: no picture $name; --list names them" >&2; exit 2; }
  done
  while IFS='|' read -r name left command <&3; do
    [[ ${#wanted[@]} == 0 || " ${wanted[*]} " == *" $name "* ]] || continue
    work=$(mktemp -d)
    echo "docs/img/$name: $command"
    # shellcheck disable=SC2086 # a command and its arguments
    ${command//OUT/$work} </dev/null
    mv "${left//OUT/$work}" "docs/img/$name"
    rm -r "$work"
  done 3< <(pictures)
}

case ${1:-} in
  --check) check ;;
  --list) pictures | sed 's/|.*|/: /' ;;
  -*) echo "usage: scripts/draw-pictures.sh [--check | --list | NAME...]" >&2; exit 2 ;;
  *) draw "$@" ;;
esac

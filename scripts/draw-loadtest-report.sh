#!/bin/sh
# Draws docs/img/loadtest-report.png: the page of a real run against three servers, one of which fails and one of which
# comes late. Needs cargo, chromium and python3 with Pillow (`apt-get install python3-pil`), which makes it small.
set -eu
out=${1:-$(dirname "$0")/../docs/img/loadtest-report.png}
out=$(realpath "$out")
cd "$(dirname "$0")/.."
cargo build -p loadtest
program=${CARGO_TARGET_DIR:-target}/debug/loadtest
folder=$(mktemp -d)
python3 scripts/draw-loadtest-report/servers.py > "$folder/port" &
servers=$!
trap 'kill "$servers"; rm -r "$folder"' EXIT
until [ -s "$folder/port" ]; do sleep 0.1; done
# A threshold fails: exit code 1 is wanted.
"$program" --profile '5s@100, 10s:100..400, 10s@400, 5s:400..100' --connections 64 --connection-max-age 2s --timeout 2s \
  --quiet --fail-if 'p99>500ms' --fail-if 'errors>0.05%' --fail-if 'delivered<99.9%' --html "$folder/run.html" --json "$folder/run.json" \
  "http://127.0.0.1:$(cat "$folder/port")/" > "$folder/table" || [ $? = 1 ]
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/profile" --window-size=1300,3200 \
  --screenshot="$folder/run.png" "file://$folder/run.html" 2> /dev/null
python3 - "$folder/run.png" "$out" <<'PYTHON'
import sys
from PIL import Image, ImageChops
picture = Image.open(sys.argv[1]).convert("RGB")
ground = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
bottom = ImageChops.difference(picture, ground).getbbox()[3]
picture.crop((0, 0, picture.width, min(bottom + 20, picture.height))).quantize(128).save(sys.argv[2], optimize=True)
PYTHON
echo "$out"

# Software bills of materials: what each program is made of, with versions, licences and sources.
# shellcheck shell=bash disable=SC2154 # package.sh sets version, out

# cargo-cyclonedx lays a file beside each Cargo.toml of the workspace.
sbom_name=package-sbom
remove_sboms() { find src fuzz loadtest -maxdepth 2 -name "$sbom_name.json" -delete; }

# make_sbom NAME FOLDER ARGUMENTS…: for the crate in the folder.
make_sbom() {
  local folder=$2 file=$out/$1-$version.cdx.json missing
  shift 2
  cargo cyclonedx --quiet --format json --spec-version 1.5 --target x86_64-unknown-linux-musl --no-build-deps \
    --override-filename "$sbom_name" "$@"
  # Where the sources lay when it was built is nobody's business.
  sed "s|path+file://$PWD|path+file:///source|g" "$folder/$sbom_name.json" >"$file"
  remove_sboms
  ! grep -q "$PWD" "$file" || fail "${file##*/} names a path of this machine"
  missing=$(comm -23 \
    <(cargo tree --locked --manifest-path "$folder/Cargo.toml" --edges normal --target x86_64-unknown-linux-musl \
      --prefix none --format '{p}' "$@" | sed 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/' | LC_ALL=C sort -u) \
    <(jq -r '.metadata.component, .components[] | "\(.name) \(.version)"' "$file" | LC_ALL=C sort -u))
  [[ -z $missing ]] || fail "${file##*/} lacks: $missing"
}

make_sboms() {
  needs cargo-cyclonedx jq
  say "bills of materials"
  trap remove_sboms EXIT
  make_sbom autoscaler src/autoscaler
  make_sbom autoscaler-agent src/autoscaler --no-default-features
  make_sbom loadtest loadtest
}

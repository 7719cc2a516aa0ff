#!/usr/bin/env bash
# Checks that what documents, scripts, configuration and comments name is there: files and folders of this
# repository, the targets of links with their headings, and cargo's tests, benches and examples. Says where each one stands that is not.
#
#   scripts/check-paths.sh
#
# Needs git and perl. Of Rust and Nix files only comments are read: the compiler and evaluation see to the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

# Names of files that are made when something runs, as documents give them.
made='agent.toml grafana.env iam-policy.json prometheus-job.yml operator-contact-point.yml slow-app.env report.json report.html timeline.svg run.service'

declare -A there names tops
while IFS= read -r file; do
  there[$file]=1 names[${file##*/}]=1
  while [[ $file == */* ]]; do
    file=${file%/*}
    there[$file]=1
  done
  [[ -d $file ]] && tops[$file]=1
done < <(git ls-files --cached --others --exclude-standard)

# Whether something is there; `*` and `**` stand for any text.
exists() {
  local pattern=$1 path
  [[ -z ${there[$pattern]:-} ]] || return 0
  [[ $pattern == *\** ]] || return 1
  for path in "${!there[@]}"; do
    # shellcheck disable=SC2053 # a pattern
    [[ $path != $pattern ]] || return 0
  done
  return 1
}

# FILE#HEADING of each heading in Markdown, as GitHub and mdBook name it in links.
declare -A headings
while IFS= read -r heading; do
  headings[$heading]=1
done < <(git ls-files -z --cached --others --exclude-standard '*.md' | perl -0 -CSD -Mutf8 -ne '
  chomp;
  open my $file, "<:encoding(UTF-8)", $_ or next;
  my ($name, $in_code, %seen) = ($_, 0);
  local $/ = "\n";
  while (my $line = <$file>) {
    $in_code = !$in_code if $line =~ /^\s*(```|~~~)/;
    next if $in_code or $line !~ /^#{1,6}\s+(.*?)\s*#*\s*$/;
    my $heading = lc $1;
    $heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
    $heading =~ s/[^\w\s-]//g;
    $heading =~ s/\s/-/g;
    my $times = $seen{$heading}++;
    print "$name#$heading", ($times ? "-$times" : ""), "\n";
  }
')

# The path that a link in FILE leads to.
target() {
  local file=$1 name=$2 base=
  [[ $file != */* ]] || base=${file%/*}/
  while [[ $name == ../* && $base == */ ]]; do
    name=${name#../} base=${base%/}
    [[ $base == */* ]] && base=${base%/*}/ || base=
  done
  printf '%s' "$base$name"
}

missing=0
report() {
  printf '%s: there is no %s\n' "$1" "$2"
  missing=$((missing + 1))
}

# KIND, FILE, LINE and NAME of each thing that is named.
named() {
  git grep -In --untracked '' -- . ':!*.lock' ':!*.sum' ':!*.svg' ':!*.csv' ':!*.json' | perl -ne '
    next unless /^([^:]+):(\d+):(.*)/;
    my ($file, $line, $text) = ($1, $2, $3);
    next if $file =~ /\.rs$/ and $text !~ s{^.*?(?<!:)//}{};
    next if $file =~ /\.nix$/ and $text !~ s{^(?:.*?\s)?#}{};
    my $found = sub { print join("\t", $_[0], $file, $line, $_[1]), "\n" };
    while ($text =~ /--(test|bench|example)[ =]([a-z][a-z0-9_]*)/g) { $found->($1, $2) }
    if ($file =~ /\.md$/) {
      while ($text =~ /\]\(([^)#:]+)(?:#[^)]*)?\)/g) { $found->("link", $1) }
      while ($text =~ /\]\(([^)#:]*#[^)]+)\)/g) { $found->("heading", $1) }
      while ($text =~ /`([\w.-]+\.(?:rs|sh|py|nix|tf|hcl|ya?ml|json|toml|md|lock|example|service|go|svg|css|env))`/g) {
        $found->("name", $1);
      }
    }
    $text =~ s{\b[a-z]+://[^\s)>"`\x27]*}{ }g;           # other places
    $text =~ s{\$\{?\w+\}?"?/}{ }g;                       # "$root"/scripts
    while ($text =~ m{([\w.*/-]+)}g) {
      my $path = $1;
      $path =~ s{^(?:\.{0,2}/)+}{};
      $path =~ s{[./]+$}{};
      $found->("path", $path) if $path =~ m{/};
    }
  '
}

while IFS=$'\t' read -r kind file line name; do
  case $kind in
    path)
      [[ -n ${tops[${name%%/*}]:-} ]] || continue
      # In a crate's own files, paths count from the crate.
      exists "$name" || exists "${file%/*}/$name" || report "$file:$line" "$name"
      ;;
    link)
      path=$(target "$file" "$name")
      exists "$path" || report "$file:$line" "$path"
      ;;
    heading)
      path=$file
      [[ $name == "#"* ]] || path=$(target "$file" "${name%%#*}")
      [[ $path != *.md || -n ${headings[$path#${name#*#}]:-} ]] || report "$file:$line" "heading #${name#*#} in $path"
      ;;
    name)
      [[ -n ${names[$name]:-} || " $made " == *" $name "* ]] || report "$file:$line" "file called $name"
      ;;
    test) exists "*/tests/$name.rs" || exists "*/tests/$name/main.rs" || report "$file:$line" "test $name" ;;
    bench) exists "*/benches/$name.rs" || report "$file:$line" "bench $name" ;;
    example) exists "*/examples/$name.rs" || report "$file:$line" "example $name" ;;
  esac
done < <(named | sort -u -t $'\t' -k1,4)

if ((missing > 0)); then
  echo "check-paths: $missing names of something that is not there" >&2
  exit 1
fi
echo "check-paths: everything that is named is there"

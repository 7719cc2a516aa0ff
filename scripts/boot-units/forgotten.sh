#!/usr/bin/env bash
# Without a metadata service it asks for a while, and then starts nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_units() { member_role "$1"; }
stand_in() { metadata_address; }

checks() {
  holds "it gives up" await 60 failed instance-data.service
  holds "it says whom it asked" grep --quiet 169.254.169.254 <(journalctl --unit instance-data --output cat)
  holds "the application does not start" fails active slow-app.service
}

main "$@"

#!/usr/bin/env bash
# A typing mistake in the user-data starts nothing, and is named on the console. Once it is mended, everything starts.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_units() { member_role "$1"; }

stand_in() {
  metadata_address
  serve_metadata <<<'{ "version": 1, "role": "slow-app", "slow_app": { "work_mss": 20 } }'
}

checks() {
  holds "the settings are refused" await 30 failed instance-data.service
  holds "the mistake is named" grep --quiet work_mss <(journalctl --unit instance-data --output cat)
  holds "nothing is left half-written" fails test -e /run/instance/slow-app.env
  holds "the application does not start" fails active slow-app.service

  holds "a second read refuses it, too" fails systemctl start instance-data-again.service
  echo '{ "version": 1, "role": "slow-app", "slow_app": { "work_ms": 20 } }' >/srv/metadata/latest/user-data
  holds "the mended settings are taken" systemctl start instance-data-again.service
  holds "and the application starts" await 120 active slow-app.service
}

main "$@"

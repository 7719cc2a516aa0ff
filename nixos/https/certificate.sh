#!/bin/sh
# Puts the certificate with which the monitoring host speaks HTTPS into a folder, as certificate.pem and key.pem: the one
# that is given, or one that it makes for this host's addresses. It keeps what it made in STATE, and makes another when an
# address is missing in it or less than 30 days are left. It says the fingerprint, by which a visitor can tell that
# nobody sits between.
#
# A file `changed` in the folder says that the certificate is another one than before.
#
# usage: certificate.sh STATE TO [CERTIFICATE KEY]
#
#   CERTIFICATE, KEY  files in PEM; empty ones, or ones that are not there, are none
#   ADDRESSES         a variable with the IPv4 addresses of the certificate that is made; by default this host's
set -eu
export LC_ALL=C
umask 0077

state=$1
to=$2
given=${3:-}
given_key=${4:-}
days=397
renew_seconds=$((30 * 24 * 3600))

refuse() {
  echo "HTTPS certificate: $*" >&2
  exit 1
}

# problem CERTIFICATE KEY: what keeps the two from being used, in words that follow the certificate's name.
problem() {
  if ! of_certificate=$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null); then
    echo "holds no certificate in PEM"
  elif ! of_key=$(openssl pkey -in "$2" -passin pass: -pubout 2>/dev/null); then
    echo "has a key file without a private key in PEM, or with one that asks for a password"
  elif [ "$of_certificate" != "$of_key" ]; then
    echo "and the key do not belong together; the key must be that of the first certificate in the file"
  fi
}

has_addresses() {
  for address in $addresses; do
    # Its status says nothing in OpenSSL before 3.5.
    openssl x509 -in "$1" -noout -checkip "$address" | grep -q 'does match' || return 1
  done
}

# Whether the one that was made earlier will do.
still_good() {
  [ -s "$state/certificate.pem" ] && [ -s "$state/key.pem" ] || return 1
  [ -z "$(problem "$state/certificate.pem" "$state/key.pem")" ] || return 1
  openssl x509 -in "$state/certificate.pem" -noout -checkend "$renew_seconds" >/dev/null || return 1
  # Not so when the clock was ahead when it was made.
  openssl verify -CAfile "$state/certificate.pem" "$state/certificate.pem" >/dev/null 2>&1 || return 1
  has_addresses "$state/certificate.pem"
}

# Of a pair that is only half replaced the next start makes another.
make() {
  names=DNS:localhost
  for address in $addresses; do
    names=$names,IP:$address
  done
  cat >"$state/request.cnf" <<TEXT
[req]
prompt = no
distinguished_name = subject
x509_extensions = server
[subject]
commonName = autoscaler monitoring host
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $names
TEXT
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days "$days" -batch \
    -config "$state/request.cnf" -keyout "$state/key.pem.new" -out "$state/certificate.pem.new" 2>"$state/openssl.log" ||
    refuse "openssl could not make one: $(tail -n 1 "$state/openssl.log")"
  mv "$state/key.pem.new" "$state/key.pem"
  mv "$state/certificate.pem.new" "$state/certificate.pem"
  rm -f "$state/request.cnf" "$state/openssl.log"
}

mkdir -p "$state" "$to"
if [ -n "$given" ] && [ -s "$given" ]; then
  [ -s "$given_key" ] || refuse "$given is given without its private key"
  wrong=$(problem "$given" "$given_key")
  [ -z "$wrong" ] || refuse "$given $wrong"
  openssl x509 -in "$given" -noout -checkend "$renew_seconds" >/dev/null ||
    echo "HTTPS certificate: the given one has less than 30 days left, or none; give a new one" >&2
  from=$given from_key=$given_key origin="the given one"
elif [ -n "$given_key" ] && [ -s "$given_key" ]; then
  refuse "$given_key is given without its certificate"
else
  if [ -z "${ADDRESSES+given}" ]; then
    ADDRESSES=$(ip -4 -oneline address show scope global) || refuse "ip does not say which addresses this host has"
    ADDRESSES=$(echo "$ADDRESSES" | sed 's/.* inet \([0-9.]*\).*/\1/')
  fi
  addresses="127.0.0.1 $ADDRESSES"
  still_good || make
  from=$state/certificate.pem from_key=$state/key.pem origin="made by this host"
fi

if ! cmp -s "$from" "$to/certificate.pem" || ! cmp -s "$from_key" "$to/key.pem"; then
  for name in certificate key; do
    source=$from
    [ "$name" = certificate ] || source=$from_key
    rm -f "$to/$name.pem.new"
    cat "$source" >"$to/$name.pem.new"
  done
  mv "$to/key.pem.new" "$to/key.pem"
  mv "$to/certificate.pem.new" "$to/certificate.pem"
  : >"$to/changed"
fi

until=$(openssl x509 -in "$to/certificate.pem" -noout -enddate)
fingerprint=$(openssl x509 -in "$to/certificate.pem" -noout -fingerprint -sha256)
echo "HTTPS certificate: $origin, valid until ${until#*=}"
echo "HTTPS certificate: SHA-256 fingerprint ${fingerprint#*=}"

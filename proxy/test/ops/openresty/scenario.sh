#!/usr/bin/env bash
# The evening of an operator, in a throw-away copy of the machine: a Blot behind NGINX, then the commands of the page in $PAGE.
# Usage: scenario.sh CHECKOUT PAGE
set -euo pipefail
checkout=$1
page=$2
work=$(mktemp -d)
export PATH=/usr/local/bin:/usr/local/sbin:$PATH HOME=/root

passed() { printf 'passed: %s\n' "$*"; }
# What a visitor of this name is shown: the subject of the certificate, or its fingerprint.
certificate_of() {
  openssl s_client -connect 127.0.0.1:443 -servername "$1" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256
}
get() { curl --silent --show-error --insecure --resolve "$1:443:127.0.0.1" "https://$1${2-/}"; }

# --- The machine of before ---
useradd --system --shell /usr/sbin/nologin blot-edge
ln -s "$checkout/bin/blot-edge" /usr/local/bin/blot-edge
install -d -m 0755 /etc/blot /var/www/blot/data /var/log/nginx
install -d -m 0755 -o root -g blot-edge /cache
install -d -m 0700 -o blot-edge /var/lib/blot-edge
cat > /etc/blot/environment.sh <<END
export NODE_ENV='production'
export BLOT_HOST='blot.example'
export BLOT_REDIS_HOST='127.0.0.1'
export BLOT_BLOGS_DIRECTORY='$checkout/blot-app/blogs'
export BLOT_CACHE='true'
export BLOT_PROTOCOL='https'
export BLOT_REVERSE_PROXY_URLS='http://127.0.0.1:80'
# The CA of the world cannot be reached from here.
export EDGE_ISSUER='local'
END
redis-server --port 6379 --bind 127.0.0.1 --save '' --dir "$work" --daemonize yes > /dev/null
(
  set -a
  # shellcheck source=/dev/null
  . /etc/blot/environment.sh
  exec "$checkout/node_modules/.bin/node" "$checkout/blot-app/src/main.ts" > "$work/app.log" 2>&1
) &
make_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 60 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" -keyout "$work/key" -out "$work/pem" 2>/dev/null
}
for name in harbor-notes.localhost www.harbor-notes.localhost; do
  make_certificate "$name"
  jq --null-input --rawfile pem "$work/pem" --rawfile key "$work/key" '{fullchain_pem: $pem, privkey_pem: $key, cert_pem: $pem, expiry: 1}' > "$work/json"
  redis-cli -x set "ssl:$name:latest" < "$work/json" > /dev/null
done
make_certificate '*.blot.example'
redis-cli -x set blot:openresty:ssl:pem < "$work/pem" > /dev/null
redis-cli -x set blot:openresty:ssl:key < "$work/key" > /dev/null
redis-cli set domain:new.example blog_new > /dev/null
cp "$work/pem" /etc/nginx/fallback.pem
cp "$work/key" /etc/nginx/fallback.key
cp "$checkout/proxy/test/ops/openresty/nginx.conf" /etc/nginx/nginx.conf
until curl --silent --fail http://127.0.0.1:8080/health > /dev/null; do sleep 0.1; done
nginx

# There is no systemd in the copy: what starts and stops the two is the same as in their units.
cat > /usr/local/bin/systemctl <<'END'
#!/bin/sh
case "$1 $3" in
'disable nginx') nginx -s quit && while [ -e /run/nginx.pid ]; do sleep 0.1; done ;;
'enable nginx') nginx ;;
'enable blot-edge')
  blot-edge run > /var/log/blot-edge.log 2>&1 &
  until curl --silent --fail http://127.0.0.1:8077/ready > /dev/null; do sleep 0.1; done
  ;;
'disable blot-edge') kill "$(cat /var/run/blot-edge.pid)" && while [ -e /var/run/blot-edge.pid ]; do sleep 0.1; done ;;
*) exit 1 ;;
esac
END
chmod 0755 /usr/local/bin/systemctl

before=$(certificate_of harbor-notes.localhost)
page_before=$(get harbor-notes.localhost)
case $page_before in *'Harbor Notes'*) passed 'NGINX shows the site, with its own certificate' ;; esac

# --- The page ---
# Its blocks of commands, one file each.
awk -v work="$work" '/^```sh/ { file = sprintf("%s/block-%02d", work, ++count); next } /^```/ { file = "" } file != "" { print > file }' "$page"
block() {
  # Each as a person types it: into a shell that goes on.
  # shellcheck source=/dev/null
  . "$work/block-$1" > "$work/said-$1" 2>&1 || { cat "$work/said-$1"; printf 'block %s failed\n' "$1"; exit 1; }
}
block 01
grep -q 'certificates  *2 can be used' "$work/said-01" && passed 'plan counts the certificates'
grep -q 'EDGE_TRUSTED_PROXIES=192.0.2.0/24' "$work/said-01" && passed 'plan reads the configuration of NGINX'
printf '%s\n' https://garden.blot.example/about https://harbor-notes.localhost/nothing-here \
  https://harbor-notes.localhost/feed.rss > ~/urls.txt
printf '%s\n' http://garden.blot.example/ https://garden.blot.example/ https://harbor-notes.localhost/ >> ~/urls.txt
block 02
block 03
block 04
block 05
passed 'the shadow runs beside NGINX'
dump() {
  redis-cli --scan | grep -v '^blot-app\|^domain\|^handle\|^blog\|^flushCache' | sort | while read -r key; do
    printf '%s %s\n' "$key" "$(redis-cli dump "$key" | md5sum)"
  done > "$work/$1"
}
dump before
block 06
passed 'both answer the same'
dump after
diff "$work/before" "$work/after" && passed 'the shadow wrote nothing into Redis'
block 07
block 08
[ "$(certificate_of harbor-notes.localhost)" = "$before" ] && passed 'the edge presents the certificate of before'
[ "$(get harbor-notes.localhost)" = "$page_before" ] && passed 'the edge shows the same page'
block 09
grep -q 'active' "$work/said-09" && passed 'the commands of the page tell of it'
curl --silent --fail 'http://127.0.0.1/purge?host=harbor-notes.localhost' | grep -q '^harbor-notes.localhost: ' && passed 'the app purges as before'
new=$(certificate_of new.example)
[ -n "$new" ] && passed 'a domain without a certificate gets one'
block 10
[ "$(certificate_of new.example)" = "$new" ] && passed 'NGINX presents what the edge obtained'
[ "$(certificate_of harbor-notes.localhost)" = "$before" ] && passed 'NGINX is back'

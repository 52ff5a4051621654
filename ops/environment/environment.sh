# Lives at /etc/blot/environment.sh: the configuration of Blot's app and of blot-edge. docs/configuration.md has every variable.
#
# One NAME=value a line, in single quotes where a shell would take it for more than that. blot-edge parses this file and
# executes nothing; Upstart's job for the app sources it. It holds secrets: root alone writes it, root and the edge read it.
#
# After a change: blot-edge check --configuration, then: systemctl reload blot-edge (Upstart: reload edge).

# The site's own host, such as blot.im. Handles are below it.
export BLOT_HOST=
# Whom the CA writes to.
export EDGE_ACME_EMAIL=

# Certificates, locks, purges, and the list of the domains that may have a certificate.
export BLOT_REDIS_HOST=127.0.0.1

# The app. While the one on the first port is replaced, one on the second answers: ops/deploy/reboot app.
export NODE_ENV=production
export BLOT_USER=blot
export BLOT_PORT=8080
export BLOT_PROTOCOL=https
export EDGE_UPSTREAMS='http://127.0.0.1:8080,http://127.0.0.1:8081;backup'
# Where it purges pages, and has certificates made before the first visitor comes.
export BLOT_REVERSE_PROXY_URLS=http://127.0.0.1
export BLOT_EDGE_ADMIN_URL=http://127.0.0.1:8077

# Folders. Other ones need a run of ops/setup/debian.sh, which gives them to the right users.
export BLOT_DIRECTORY=/var/www/blot
export BLOT_DATA_DIRECTORY=/var/www/blot/data
export BLOT_BLOGS_DIRECTORY=/var/www/blot/data/blogs
export BLOT_CACHE=true
export BLOT_CACHE_DIRECTORY=/cache

# The edge.
export EDGE_USER=blot-edge
export EDGE_DATA_DIRECTORY=/var/lib/blot-edge
export EDGE_PID_FILE=/run/blot-edge/edge.pid
# A wildcard certificate for the handles; the user of the edge must be able to read both.
# export EDGE_WILDCARD_CERTIFICATE=/etc/blot/wildcard.pem
# export EDGE_WILDCARD_KEY=/etc/blot/wildcard.key
# Private keys are encrypted under it: openssl rand -base64 32
# export EDGE_STORE_KEY=''

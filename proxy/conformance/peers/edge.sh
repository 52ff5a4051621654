# The edge as its operator would set it up. Names in double braces are filled in.
BLOT_HOST=blot.test
BLOT_CACHE=false
BLOT_CACHE_DIRECTORY={{directory}}/cache
BLOT_DATA_DIRECTORY={{directory}}/data
EDGE_ADDRESS=127.0.0.1
EDGE_HTTP_PORT={{http}}
EDGE_HTTPS_PORT={{https}}
EDGE_ADMIN=unix:{{directory}}/edge/admin.sock
EDGE_UPSTREAMS={{upstream}}
EDGE_DATA_DIRECTORY={{directory}}/edge
EDGE_STORE=file:{{directory}}/edge/store
EDGE_ISSUER=local
EDGE_PERMISSION=all
EDGE_PID_FILE={{directory}}/edge.pid
EDGE_TRUSTED_PROXIES=127.0.0.2
EDGE_WORKERS=1
EDGE_USER=nobody

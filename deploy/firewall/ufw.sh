#!/bin/sh
# The same with ufw, as root.
set -eu
for port in 80 443 1935 3478 5349 7881; do ufw allow "$port/tcp"; done
for port in 3478 8189 50000:50050 30000:30050; do ufw allow "$port/udp"; done

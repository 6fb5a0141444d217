#!/usr/bin/env bash
# Installs the packages that the action needs, once, in an environment without keys and tokens: none of those who wrote
# them is trusted with what a workflow may do. No package's own scripts are run.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -e node_modules/.package-lock.json ] && exit
clean=()
for name in $(compgen -e); do
  case $name in
    *auth* | *token* | *password*) ;;
    PATH | HOME | LANG | TMPDIR | NODE_EXTRA_CA_CERTS | SSL_CERT_FILE | NPM_CONFIG_REGISTRY | npm_config_* | \
      HTTP_PROXY | HTTPS_PROXY | NO_PROXY | http_proxy | https_proxy | no_proxy)
      clean+=("$name=${!name}")
      ;;
  esac
done
exec env -i "${clean[@]}" npm ci --omit=dev --ignore-scripts --no-audit --no-fund

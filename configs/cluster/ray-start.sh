#!/bin/bash
# A Ray cluster of machines that ssh reaches, without a launcher; the first machine is this one.
#
#   configs/cluster/ray-start.sh 10.0.0.6 10.0.0.7
#   koalign dpo-pairs -s engine.backend=ray -s engine.ray.address=10.0.0.5:6379
#
# Every machine has the same folder, virtual environment and base under the same path, by a shared file system or
# a copy. `ray stop` on each ends it. The machines know each other by a token in ~/.ray, which is copied.
set -euo pipefail

here=${HEAD:-$(hostname --ip-address | awk '{print $1}')}
if [[ $here == 127.* ]]; then
    echo "this machine calls itself $here; say which address the others reach: HEAD=10.0.0.5 $0 $*" >&2
    exit 2
fi
port=${PORT:-6379}
folder=$PWD
venv=${KOALIGN_VENV:-$folder/.venv}
export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
"$venv/bin/ray" get-auth-token --generate > /dev/null

"$venv/bin/ray" start --head --node-ip-address="$here" --port="$port" --include-dashboard=false
for machine in "$@"; do
    ssh "$machine" "mkdir -p ~/.ray && umask 077 && cat > ~/.ray/auth_token" < ~/.ray/auth_token
    ssh "$machine" "cd '$folder' && RAY_AUTH_MODE=token '$venv/bin/ray' start --address='$here:$port'"
done
echo "engine.ray.address: $here:$port"

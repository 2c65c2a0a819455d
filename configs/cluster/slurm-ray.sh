#!/bin/bash
# A whole run on several nodes of SLURM: Ray samples on all cards, the first node trains. To train on all too, add
# -s training.launcher=ray -s training.nodes=2 -s training.processes=4 behind it.
#
#   sbatch configs/cluster/slurm-ray.sh -s controls=all
#
# The folder with koalign.yaml, the run and the base are on a file system that all nodes share. A job that ends
# early is submitted again and goes on.
#SBATCH --job-name=koalign-ray
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

cd "${SLURM_SUBMIT_DIR:-.}"
source "${KOALIGN_VENV:-.venv}/bin/activate"
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK    # srun does not take it from sbatch
export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
ray get-auth-token --generate > /dev/null    # in ~/.ray, which the nodes share

nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head=${HEAD:-$(srun --nodes=1 --ntasks=1 -w "${nodes[0]}" hostname --ip-address | awk '{print $1}')}
if [[ $head == 127.* ]]; then
    echo "${nodes[0]} calls itself $head; say which address the others reach: HEAD=10.0.0.5 sbatch …" >&2
    exit 2
fi
port=6379
srun --overlap --nodes=1 --ntasks=1 -w "${nodes[0]}" \
    ray start --head --block --node-ip-address="$head" --port=$port --include-dashboard=false &
for node in "${nodes[@]:1}"; do
    srun --overlap --nodes=1 --ntasks=1 -w "$node" bash -c "
        until ray health-check --address $head:$port >/dev/null 2>&1; do sleep 2; done
        exec ray start --block --address=$head:$port" &
done
until [ "$(ray status --address "$head:$port" 2>/dev/null | grep -c ' node_')" -ge "${#nodes[@]}" ]; do
    if ((SECONDS > 600)); then
        echo "not all of ${#nodes[@]} nodes came to Ray at $head:$port in ten minutes" >&2
        exit 2
    fi
    sleep 2
done

export RAY_ADDRESS="$head:$port"
koalign run --run-dir "${RUN_DIR:-runs/default}" \
    -s engine.backend=ray -s engine.ray.address="$RAY_ADDRESS" -s engine.ray.engine=vllm "$@"

#!/bin/bash
# Sampling as an array of SLURM jobs, one card each, and no cluster software.
#
#   sbatch configs/cluster/slurm-shards.sh dpo-pairs -s sample.n=16
#   SHARDS=8 sbatch --array=3,5 configs/cluster/slurm-shards.sh dpo-pairs -s sample.n=16   # two of them again
#
# The run folder is on a file system that all nodes share. A job that is killed or preempted goes on where it
# was. When all have ended, `koalign dpo-pairs` merges what is left to merge and makes the pairs. `abstractions`,
# `passages` and `evaluate` take several passes: submit the array again until its logs say "all parts are drawn
# and merged".
#SBATCH --job-name=koalign-shards
#SBATCH --array=1-8
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=48G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=%x-%A-%a.log
set -euo pipefail

command=${1:-dpo-pairs}
cd "${SLURM_SUBMIT_DIR:-.}"
source "${KOALIGN_VENV:-.venv}/bin/activate"
exec koalign "$command" --shard "${SLURM_ARRAY_TASK_ID:-1}/${SHARDS:-${SLURM_ARRAY_TASK_COUNT:-1}}" \
    --run-dir "${RUN_DIR:-runs/default}" "${@:2}"

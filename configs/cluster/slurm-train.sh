#!/bin/bash
# Trainings on several nodes of SLURM, the base in parts on all cards, and no cluster software.
#
#   sbatch configs/cluster/slurm-train.sh sft -s sft.rank=16
#
# The folder with koalign.yaml, the run and the base are on a file system that all nodes share. The command is
# started once a node: the first does it, the others join its trainings. A job that ends early is submitted
# again and goes on.
#SBATCH --job-name=koalign-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --output=%x-%j.log
set -euo pipefail

command=${1:-sft}
cd "${SLURM_SUBMIT_DIR:-.}"
source "${KOALIGN_VENV:-.venv}/bin/activate"
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK    # srun does not take it from sbatch
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) # of this job alone
exec srun --kill-on-bad-exit=1 koalign "$command" --run-dir "${RUN_DIR:-runs/default}" \
    -s training.nodes="$SLURM_NNODES" -s training.processes="${SLURM_GPUS_ON_NODE:-4}" -s training.shard=fsdp \
    "${@:2}"

"""The process that Data Designer runs in; started by `process`, imported by nothing else."""

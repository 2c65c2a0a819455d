"""servers: a yes to the question whether a server may get prompts and key."""

from koalign.engines.permission import servers_file


def allow(url: str, variable: str = "OPENAI_API_KEY") -> None:
    servers_file().parent.mkdir(parents=True, exist_ok=True)
    with servers_file().open("a", encoding="utf-8") as file:
        file.write(f"{url} {variable}\n")

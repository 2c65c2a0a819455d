"""passages: passages as `koalign retrieve` finds them, without an index."""

from koalign.retrieval.records import Chunk, Passage


def passage(problem_id: str, text: str, rank: int = 1, **chunk: str) -> Passage:
    """A passage of a problem; `chunk`: other fields of its chunk, which is named by document and text."""
    fields = {"document": "d", "title": "", "source": "s", "licence": "", **chunk}
    found = Chunk(start=0, end=len(text), text=text, **fields)
    return Passage(
        problem_id=problem_id, rank=rank, score=1, query="stem", chunk_id=found.id, chunk=found
    )

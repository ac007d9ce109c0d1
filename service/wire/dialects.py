"""All dialects of the server, and which of them an error is told in."""

from . import article, mlflow, rerank, v1, v2
from .ollama import chat as ollama_chat
from .ollama import generate as ollama_generate
from .openai import chat, completions, embeddings, responses
from .tei import embed as tei_embed
from .tei import predict as tei_predict
from .tei import rerank as tei_rerank

__all__ = ["DIALECTS", "error_dialect"]

DIALECTS = (
    *(article, completions, chat, responses, embeddings, rerank, v1, v2, mlflow),
    *(tei_embed, tei_predict, tei_rerank, ollama_chat, ollama_generate),
)


def error_dialect(dialect, path):
    """In whose form an error is: the route's dialect; without one, that with the longest PREFIX, or the article."""
    if dialect is not None:
        return dialect
    known = [each for each in DIALECTS if each.PREFIX and path.startswith(each.PREFIX)]
    return max(known, key=lambda each: len(each.PREFIX), default=article)

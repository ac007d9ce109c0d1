"""What Ollama calls things."""

__all__ = ["LATEST", "NAMES"]

LATEST = ":latest"  # the tag of names that have none
# Option -> sampling parameter.
NAMES = {
    "num_predict": "max_tokens",
    "repeat_penalty": "repetition_penalty",
    **{
        name: name
        for name in (
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "seed",
            "stop",
            "presence_penalty",
            "frequency_penalty",
        )
    },
}

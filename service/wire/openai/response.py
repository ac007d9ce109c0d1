"""OpenAI's answers to completions and chat completions, whole or as the chunks of a stream.

    form = Form("chat", call, model, "req-1")               # an openai.Call, and the model that answers it
    form.whole(completions)                                 # {"id": "chatcmpl-req-1", "choices": [...], "usage": ...}
    form.opening(0), form.chunk(0, " there"), form.closing(generations)

Reference: https://platform.openai.com/docs/api-reference.
"""

import time

__all__ = ["Form"]

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what a tokenizer shows for bytes that are no character by themselves


class Form:
    """The answers to one call: the same facts whole, or as the chunks of a stream."""

    def __init__(self, kind, call, model, request_id):
        """kind: "completion" or "chat". model: its `name` and `version`, and `texts`, which shows token ids."""
        self.chat, self.call, self.model = kind == "chat", call, model
        self.head = {
            "id": f"{'chatcmpl' if self.chat else 'cmpl'}-{request_id}",
            "created": int(time.time()),
            "model": model.name,
            "system_fingerprint": f"{model.name}-{model.version}",
        }
        self._offsets = {}  # place -> characters of its text that were sent

    def whole(self, completions):
        """Completions, the n of each prompt side by side -> the answer."""
        choices = [
            self._choice(place, self._message(one.text), one.logprobs, one.finish_reason)
            for place, one in enumerate(completions)
        ]
        named = {"object": "chat.completion" if self.chat else "text_completion"}
        return {**self.head, **named, "choices": choices, "usage": self.usage(completions)}

    def opening(self, place):
        """The first chunk of a chat's choice; None for completions, which have none."""
        said = {"delta": {"role": "assistant", "content": ""}}
        return self._chunk([self._choice(place, said)]) if self.chat else None

    def chunk(self, place, piece, logprobs=(), finish_reason=None):
        """One piece of a choice; the last one with the reason."""
        delta = {"content": piece} if piece else {}
        said = {"delta": delta} if self.chat else {"text": piece}
        return self._chunk([self._choice(place, said, logprobs, finish_reason)])

    def closing(self, generations):
        """The chunk with the usage, where the call asked for it."""
        return self._chunk([]) | {"usage": self.usage(generations)} if self.call.include_usage else None

    def usage(self, texts):
        """The prompt of several choices is counted once, as it is in OpenAI's answers."""
        prompt = sum(one.prompt_tokens for one in texts[:: self.call.n])
        completion = sum(one.completion_tokens for one in texts)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def _chunk(self, choices):
        named = {"object": "chat.completion.chunk" if self.chat else "text_completion", "choices": choices}
        return {**self.head, **named, **({"usage": None} if self.call.include_usage else {})}

    def _message(self, text):
        return {"message": {"role": "assistant", "content": text, "refusal": None}} if self.chat else {"text": text}

    def _choice(self, place, said, logprobs=(), finish_reason=None):
        told = None if self.call.logprobs is None else self._logprobs(place, logprobs)
        return {"index": place, **said, "logprobs": told, "finish_reason": finish_reason}

    def _logprobs(self, place, found):
        shown = [self._shown(one) for one in found]
        if self.chat:
            return {"content": [entry(token, one.logprob, top) for one, (token, top) in zip(found, shown, strict=True)]}
        offsets, at = [], self._offsets.get(place, 0)
        for token, _ in shown:
            offsets.append(at)
            at += len(token)
        self._offsets[place] = at
        return {
            "tokens": [token for token, _ in shown],
            "token_logprobs": [one.logprob for one in found],
            "top_logprobs": [dict(top) for _, top in shown],
            "text_offset": offsets,
        }

    def _shown(self, one):
        """(the token's text, [(text, logprob) of the likeliest])."""
        token, *top = self.model.texts([one.token, *(token for token, _ in one.top)])
        return token, [(text, logprob) for text, (_, logprob) in zip(top, one.top, strict=True)]


def entry(token, logprob, top=None):
    # A token that is only a part of a character has no text of its own, and so none whose bytes could be told.
    found = {"token": token, "logprob": logprob, "bytes": None if UNFINISHED in token else list(token.encode())}
    return found if top is None else found | {"top_logprobs": [entry(*one) for one in top]}

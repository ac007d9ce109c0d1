"""From a prompt to a completion: parameters, sampling, the engine (token ids only), text again."""

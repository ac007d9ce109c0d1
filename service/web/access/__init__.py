"""Who may ask: policy, API keys, rate limits, exposure of the server, CORS."""

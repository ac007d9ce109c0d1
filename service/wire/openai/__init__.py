"""OpenAI's protocol: one module for each of its endpoints, and the form of its errors.

Reference: https://platform.openai.com/docs/api-reference. An endpoint is a dialect of its own (see wire.adapter): the
same capability has another body at each.
"""

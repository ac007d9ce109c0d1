"""The dialects: each module turns the bytes of one published protocol into plain values and back."""

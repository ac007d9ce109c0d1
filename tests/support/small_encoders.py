"""Encoders of one layer: the values of their configs, for networks of random weights."""

SMALL = {
    "vocab_size": 80,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}

# Architecture -> values of its config beside those of SMALL.
ARCHITECTURES = {
    "Albert": {"embedding_size": 16},
    "Camembert": {"pad_token_id": 0},
    "DebertaV2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16},
    "DistilBert": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64},
    "Electra": {"embedding_size": 16},
    "MPNet": {"pad_token_id": 0},
    "ModernBert": {
        **dict.fromkeys(("pad_token_id", "cls_token_id", "bos_token_id"), 0),
        **dict.fromkeys(("sep_token_id", "eos_token_id"), 2),
        "local_attention": 16,
    },
    "Roberta": {"pad_token_id": 0},
    "XLMRoberta": {"pad_token_id": 0},
}

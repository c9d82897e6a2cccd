"""How many parameters a transformer has: closed forms over its shape.

The counts are those of the Hugging Face implementation of each architecture,
and are tested against the published totals.
"""

from __future__ import annotations

from simulator.workload.model import TransformerSpec


def attention_weights(model: TransformerSpec) -> int:
    """Matmul weights of one layer's attention: queries, keys, values and output."""
    return model.hidden_size * (2 * model.query_width + 2 * model.kv_width)


def expert_weights(model: TransformerSpec) -> int:
    """Matmul weights of one MLP (of one expert in a mixture)."""
    return _matrices(model) * model.hidden_size * model.intermediate_size


def shared_expert_weights(model: TransformerSpec) -> int:
    """Matmul weights of one layer's expert that every token takes, without its gate."""
    return _matrices(model) * model.hidden_size * model.shared_expert_size


def _matrices(model: TransformerSpec) -> int:
    return 3 if model.gated_mlp else 2


def router_weights(model: TransformerSpec) -> int:
    """Matmul weights of one layer's router, and of the gate of a shared expert."""
    return model.hidden_size * (model.experts + bool(model.shared_expert_size))


def lm_head_weights(model: TransformerSpec) -> int:
    """Matmul weights of the LM head, whether it shares the embedding table or not."""
    return model.vocab_size * model.hidden_size if model.family == "decoder" else 0


def matmul_weights(model: TransformerSpec, experts: int | None = None) -> int:
    """Weights that take part in matrix multiplications, LM head included.

    experts: experts counted per layer, all of them if None; `experts_per_token`
        gives the weights that work on one token.
    """
    mlps = max(model.experts, 1) if experts is None else experts
    layer = attention_weights(model) + mlps * expert_weights(model) + router_weights(model)
    layer += shared_expert_weights(model)
    return model.layers * layer + lm_head_weights(model) + _ends_matmul_weights(model)


def _ends_matmul_weights(model: TransformerSpec) -> int:
    hidden = model.hidden_size
    patches = model.image.patch_elements * hidden if model.image else 0
    return patches + hidden * hidden * model.pooler + hidden * model.classes


def table_parameters(model: TransformerSpec) -> int:
    """Parameters that are looked up: token, position and type tables, class token.

    A table shared with the LM head is counted in `matmul_weights` instead.
    """
    tied = model.tied_embeddings and model.family == "decoder"
    rows = (0 if tied else model.vocab_size) + model.token_types
    if model.position == "learned":
        rows += model.position_rows
    return model.hidden_size * (rows + (1 if model.image else 0))


def vector_parameters(model: TransformerSpec) -> int:
    """Parameters of norms and biases."""
    hidden, mlps = model.hidden_size, max(model.experts, 1)
    norm = norm_parameters(model, hidden)
    layer = norm * (4 if model.norm_place == "around" else 1 if model.shared_norm else 2)
    layer += _head_norm_parameters(model)
    if model.sub_norms:
        layer += norm_parameters(model, model.query_width)
    layer += (model.query_width + 2 * model.kv_width) * model.qkv_bias
    layer += hidden * model.output_bias
    layer += mlps * _mlp_vectors(model, model.intermediate_size)
    if model.shared_expert_size:
        layer += _mlp_vectors(model, model.shared_expert_size)
    ends = norm * (model.final_norm + model.embedding_norm)
    ends += (hidden if model.image else 0) + hidden * model.pooler + model.classes
    ends += model.vocab_size * model.head_bias
    return model.layers * layer + ends


def _mlp_vectors(model: TransformerSpec, width: int) -> int:
    """Parameters of the norm inside an MLP of a width, and of its biases."""
    biases = width * (_matrices(model) - 1) + model.hidden_size
    return norm_parameters(model, width) * model.sub_norms + biases * model.mlp_bias


def _head_norm_parameters(model: TransformerSpec) -> int:
    """Parameters of one layer's norms of queries and keys."""
    if model.qk_norm == "head":
        return 2 * norm_parameters(model, model.head_dim)
    widths = model.query_width + model.kv_width
    return norm_parameters(model, widths) if model.qk_norm == "token" else 0


def norm_parameters(model: TransformerSpec, width: int) -> int:
    """Parameters of one norm over `width` elements: a scale, and a shift in LayerNorm."""
    return width * (2 if model.norm == "layernorm" else 1)


def parameters(model: TransformerSpec) -> int:
    """All parameters; a table tied to the LM head counts once."""
    return matmul_weights(model) + table_parameters(model) + vector_parameters(model)

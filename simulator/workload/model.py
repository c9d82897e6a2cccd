"""The shape of a transformer, and the counts that follow from it alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simulator.config import Spec

LARGEST_SIZE = 2**31 - 1
"""Bound on any dimension, so that a typing error ends in a message, not in a hang."""

Size = Annotated[int, Field(ge=1, le=LARGEST_SIZE)]
Count = Annotated[int, Field(ge=0, le=LARGEST_SIZE)]

Family = Literal["decoder", "encoder"]
Activation = Literal["silu", "gelu", "relu", "relu_squared"]
Norm = Literal["rmsnorm", "layernorm"]
Position = Literal["rotary", "learned", "none"]
NormPlace = Literal["before", "behind", "around", "behind_sums"]
HeadNorm = Literal["none", "head", "token"]


class ImageSpec(Spec):
    """Square images cut into square patches, as a vision transformer takes them."""

    image_size: Size
    patch_size: Size
    channels: Size = 3

    @model_validator(mode="after")
    def _patches_fit(self) -> ImageSpec:
        if self.image_size % self.patch_size:
            raise ValueError(
                f"patch_size {self.patch_size} does not divide image_size {self.image_size}"
            )
        return self

    @property
    def patches(self) -> int:
        """Patches of one image."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def patch_elements(self) -> int:
        """Values in one patch: the inner dimension of the patch embedding."""
        return self.channels * self.patch_size**2


class TransformerSpec(Spec):
    """A transformer's shape. Sizes are numbers of elements.

    heads, kv_heads, head_dim: query heads, key/value heads (`heads` if absent),
        width of a head (`hidden_size / heads` if absent; may differ from it).
    gated_mlp: gate and up projections whose outputs are multiplied; otherwise
        one projection and its activation.
    norm_place: norms are before attention and MLP, behind them (OLMo 2), both (Gemma 2), or
        behind the residual additions (BERT).
    parallel: attention and MLP read the same residual stream, and one addition takes what
        both put out; shared_norm: they share the norm before, too.
    qk_norm: norms of queries and keys ahead of the rotation, over each head's, or over all
        heads' of a token.
    sub_norms: norms before the output and down projections (BitNet b1.58).
    final_norm, embedding_norm: norms behind the last layer and the embedding.
    position: `learned` adds a row of a table with `position_rows` rows; `rotary` turns the
        first rotary_dim elements of each head (all if absent).
    head_bias: of the LM head.
    scaled_embedding, scaled_branches, scaled_logits: a constant multiplies what the embedding
        puts out, what is added to the residual stream, the logits.
    capped_scores, capped_logits: by c·tanh(x/c).
    experts, experts_per_token: mixture of experts in every layer; 0 if there is none.
    shared_expert_size: width of one more expert, that every token takes, times the sigmoid of
        a gate of its own; 0 if there is none.
    image: patches instead of tokens; a sequence is the patches and a class token.
    pooler, classes: a dense layer, a classifier on each sequence's first token.
    max_context: longest sequence the model takes.
    shares: devices that share every layer; heads, widths and vocabulary are those of one.
    """

    name: str
    family: Family = "decoder"
    hidden_size: Size
    layers: Size
    heads: Size
    kv_heads: Size
    head_dim: Size
    intermediate_size: Size
    vocab_size: Count = 0
    gated_mlp: bool = True
    activation: Activation = "silu"
    norm: Norm = "rmsnorm"
    norm_place: NormPlace = "before"
    parallel: bool = False
    shared_norm: bool = False
    qk_norm: HeadNorm = "none"
    sub_norms: bool = False
    final_norm: bool = True
    embedding_norm: bool = False
    position: Position = "rotary"
    position_rows: Count = 0
    rotary_dim: Size
    token_types: Count = 0
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    tied_embeddings: bool = False
    scaled_embedding: bool = False
    scaled_branches: bool = False
    scaled_logits: bool = False
    capped_scores: bool = False
    capped_logits: bool = False
    experts: Count = 0
    experts_per_token: Count = 0
    shared_expert_size: Count = 0
    image: ImageSpec | None = None
    pooler: bool = False
    classes: Count = 0
    max_context: Size
    shares: Size = 1
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        heads, hidden = data.get("heads"), data.get("hidden_size")
        filled = dict(data)
        if filled.get("kv_heads") is None and heads is not None:
            filled["kv_heads"] = heads
        if filled.get("head_dim") is None and isinstance(heads, int) and isinstance(hidden, int):
            if heads < 1:
                raise ValueError(f"heads is {heads}, expected at least 1")
            if hidden % heads:
                raise ValueError(
                    f"{heads} heads do not divide hidden_size {hidden}; give head_dim if the "
                    "attention is not as wide as the model"
                )
            filled["head_dim"] = hidden // heads
        if filled.get("rotary_dim") is None and filled.get("head_dim") is not None:
            filled["rotary_dim"] = filled["head_dim"]
        return filled

    @model_validator(mode="after")
    def _consistent(self) -> TransformerSpec:
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads {self.kv_heads} does not divide heads {self.heads}")
        if self.experts_per_token > self.experts:
            raise ValueError(
                f"experts_per_token {self.experts_per_token} is more than experts {self.experts}"
            )
        if self.experts and not self.experts_per_token:
            raise ValueError(f"{self.experts} experts, but experts_per_token is 0")
        if self.shared_expert_size and not self.experts:
            raise ValueError("a shared expert, but no others")
        if self.rotary_dim > self.head_dim:
            raise ValueError(f"rotary_dim {self.rotary_dim} is more than head_dim, {self.head_dim}")
        if self.position == "rotary" and self.rotary_dim % 2:
            size = "head_dim" if self.rotary_dim == self.head_dim else "rotary_dim"
            raise ValueError(f"rotary positions need an even {size}, not {self.rotary_dim}")
        if self.qk_norm != "none" and self.position != "rotary":
            raise ValueError("norms of queries and keys come with rotary positions only")
        if self.parallel and self.norm_place != "before":
            raise ValueError("norms of a parallel attention and MLP come before them only")
        if self.shared_norm and not self.parallel:
            raise ValueError("only a parallel attention and MLP can share a norm")
        if self.position == "learned" and self.position_rows < self.max_context:
            raise ValueError(
                f"position_rows {self.position_rows} is less than max_context {self.max_context}"
            )
        if self.image is None and not self.vocab_size:
            raise ValueError("vocab_size is 0, expected at least 1")
        if self.family == "decoder" and (self.image or self.pooler or self.classes):
            raise ValueError("image, pooler and classes belong to encoders")
        if self.image is not None and self.max_context != self.image.patches + 1:
            raise ValueError(
                f"max_context {self.max_context} is not the {self.image.patches} patches and 1"
            )
        return self

    @property
    def query_width(self) -> int:
        """Elements of one token's queries, all heads."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Elements of one token's keys; its values have as many."""
        return self.kv_heads * self.head_dim

    @property
    def kv_elements_per_token(self) -> int:
        """KV-cache elements that one token of context takes, all layers."""
        return 2 * self.layers * self.kv_width if self.family == "decoder" else 0

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only those before it."""
        return self.family == "decoder"

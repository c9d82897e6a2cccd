"""MixPE (Zhang et al., arXiv:2411.16158): its simulator's method, and its claims.

Written anew from what the authors' simulator and its ancestors compute:
github.com/yuzhang712/mixpe_simulator, github.com/clevercool/ANT-Quantization,
github.com/hsharma35/bitfusion.
"""

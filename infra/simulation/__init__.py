"""Synthetic history: lives drawn from a seed, told under the real rules, loaded in bulk, and answered by an oracle."""
